import type { Concern, EdgePlan } from './concern.ts';

/**
 * TLS termination. Where the TLS library knows it, the hybrid X25519MLKEM768 is offered first; older clients, and older
 * libraries such as OpenSSL 3.0, use X25519. What a handshake agreed on is in the access log (`tls_group`).
 */
export function tls({ options, capabilities }: EdgePlan): Concern {
  if (options.tls === 'off') return { name: 'tls' };
  const { certificate, key, minVersion } = options.tls;
  const groups = ['X25519', 'prime256v1'];
  return {
    name: 'tls',
    http: [
      `ssl_certificate ${certificate};`,
      `ssl_certificate_key ${key};`,
      `ssl_protocols ${minVersion === 'TLSv1.2' ? 'TLSv1.2 TLSv1.3' : 'TLSv1.3'};`,
      `ssl_ecdh_curve ${(capabilities.postQuantum ? ['X25519MLKEM768', ...groups] : groups).join(':')};`,
      '# A ticket would skip the handshake that a new certificate is proved by.',
      'ssl_session_tickets off;',
      'ssl_session_cache off;',
    ],
  };
}
