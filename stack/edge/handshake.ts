import { once } from 'node:events';
import type { EphemeralKeyInfo } from 'node:tls';
import type { Machine } from '../../harness/host/network.ts';

const TIMEOUT_MS = 2000;

/** Result of a TLS handshake. */
interface Handshake {
  /** Negotiated version, for example `TLSv1.3`. */
  readonly protocol: string;
  readonly cipher: string;
  /** Key exchange group, for example `X25519`; undefined if Node does not report it (hybrid groups). nginx logs it as `tls_group`. */
  readonly keyExchange: string | undefined;
  /** SHA-256 of the server's certificate, in hex with colons. */
  readonly fingerprint: string;
}

/** Server, trusted authority and offer of a handshake. */
interface HandshakeOptions {
  readonly machine: Machine;
  readonly host: string;
  readonly port: number;
  /** PEM of the trusted authority. */
  readonly authority: string;
  /** Newest version to offer. @default Node's */
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** Groups to offer, separated by colons. @default Node's */
  readonly groups?: string;
}

/**
 * Performs a TLS handshake on a new connection, then closes it.
 * @throws the connection's or certificate's error with its `code`, or the signal's reason
 */
export async function tlsHandshake(options: HandshakeOptions, signal?: AbortSignal): Promise<Handshake> {
  const { host, port, authority, maxVersion, groups, machine } = options;
  const limit = AbortSignal.any([machine.clock.timeout(TIMEOUT_MS), ...(signal ? [signal] : [])]);
  limit.throwIfAborted();
  const tls = {
    ca: authority,
    // SNI does not allow IP addresses; they are checked against the certificate nevertheless.
    ...(/^[\d.:]+$/.test(host) ? {} : { servername: host }),
    ...(maxVersion && { maxVersion }),
    ...(groups && { ecdhCurve: groups }),
  };
  const socket = machine.network.connectTls({ host, port }, tls);
  socket.on('error', () => {});
  try {
    await once(socket, 'secureConnect', { signal: limit });
    const key = socket.getEphemeralKeyInfo() as EphemeralKeyInfo | null;
    return {
      protocol: socket.getProtocol() ?? '',
      cipher: socket.getCipher().name,
      keyExchange: key?.name,
      fingerprint: socket.getPeerCertificate().fingerprint256,
    };
  } finally {
    socket.destroy();
  }
}
