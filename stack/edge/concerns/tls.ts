import type { Concern, EdgePlan } from './concern.ts';

/**
 * TLS termination. The hybrid group X25519MLKEM768 is preferred if the TLS library supports it; older clients and libraries, such
 * as OpenSSL 3.0, use X25519. The access log has the negotiated group (`tls_group`).
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
      '# Session resumption would skip the certificate exchange and hide a new certificate.',
      'ssl_session_tickets off;',
      'ssl_session_cache off;',
    ],
  };
}
