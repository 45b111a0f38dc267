import { once } from 'node:events';
import { connect, type EphemeralKeyInfo } from 'node:tls';

const LIMIT_MS = 2000;

/** What one TLS handshake agreed on. */
export interface Handshake {
  /** For example `TLSv1.3`. */
  readonly protocol: string;
  readonly cipher: string;
  /** For example `X25519`; undefined where this side's TLS library does not tell (hybrid groups). nginx logs it as `tls_group`. */
  readonly keyExchange: string | undefined;
  /** SHA-256 of the server's certificate, in hex with colons. */
  readonly fingerprint: string;
}

/** Whom to shake hands with, and what to believe. */
export interface HandshakeOptions {
  readonly host: string;
  readonly port: number;
  /** PEM of the authority to trust. */
  readonly authority: string;
  /** Offers this and older versions only. @default what this Node offers */
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** Groups to offer, separated by colons. @default what this Node offers */
  readonly groups?: string;
}

/**
 * Makes a new TLS connection, looks at it and closes it.
 * @throws the error of the connection or of the certificate's check, with its `code`, or the signal's reason
 */
export async function shakeHands(options: HandshakeOptions, signal?: AbortSignal): Promise<Handshake> {
  const { host, port, authority, maxVersion, groups } = options;
  const bound = AbortSignal.any([AbortSignal.timeout(LIMIT_MS), ...(signal ? [signal] : [])]);
  bound.throwIfAborted();
  const socket = connect({
    host,
    port,
    ca: authority,
    // An address is no name of TLS's own extension, but is checked against the certificate all the same.
    ...(/^[\d.:]+$/.test(host) ? {} : { servername: host }),
    ...(maxVersion && { maxVersion }),
    ...(groups && { ecdhCurve: groups }),
  });
  socket.on('error', () => {});
  try {
    await once(socket, 'secureConnect', { signal: bound });
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
