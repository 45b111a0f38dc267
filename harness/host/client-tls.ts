import { isIP } from 'node:net';
import { type ConnectionOptions, checkServerIdentity, createSecureContext } from 'node:tls';
import { messageOf, SquallError } from '../errors.ts';
import { readText } from '../input/files.ts';

const MAX_PEM_BYTES = 2 ** 20;

/** How the clients of a target speak TLS. Paths are recorded, contents of files never. */
export interface ClientTls {
  /** Whether any certificate of the server is accepted. */
  readonly insecure?: boolean;
  /** PEM file with the client's certificate, and those that it was issued by. */
  readonly certificateFile?: string;
  /** PEM file with its key. @default the certificate's file, which may hold both */
  readonly keyFile?: string;
}

/** What {@link ClientTls} means to Node. */
export interface TlsOptions {
  readonly rejectUnauthorized?: false;
  readonly cert?: string;
  readonly key?: string;
}

/**
 * TLS options of a client that reaches `host` (a name or an address, as in a URL) at another address, such as a link's: it asks
 * for the certificate of `host` and accepts no other.
 */
export function tlsNameOf(host: string): Required<Pick<ConnectionOptions, 'servername' | 'checkServerIdentity'>> {
  const bare = host.replace(/^\[|\]$/g, '');
  return {
    // An address is no server name (RFC 6066, section 3).
    servername: isIP(bare) ? '' : bare,
    checkServerIdentity: (_connectedTo, certificate) => checkServerIdentity(bare, certificate),
  };
}

/**
 * TLS options of Node's for {@link ClientTls}, with the contents of its files.
 * @throws SquallError `BAD_CLIENT_CERTIFICATE` that names the option
 */
export function tlsOptionsOf({ insecure, certificateFile, keyFile }: ClientTls = {}): TlsOptions {
  const trust: TlsOptions = insecure ? { rejectUnauthorized: false } : {};
  if (certificateFile === undefined) {
    if (keyFile === undefined) return trust;
    throw badCertificate('--client-cert', 'given, since --client-key is', 'nothing', 'Add --client-cert FILE.');
  }
  const cert = fileOf('--client-cert', certificateFile);
  const key = keyFile === undefined ? cert : fileOf('--client-key', keyFile);
  if (keyFile === undefined && !/PRIVATE KEY-----/.test(cert))
    throw badCertificate('--client-key', 'given, unless the certificate’s file has the key', 'nothing');
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    const message = 'a PEM certificate and the unencrypted key that belongs to it';
    throw badCertificate('--client-cert and --client-key', message, messageOf(error));
  }
  return { ...trust, cert, key };
}

function fileOf(option: string, path: string): string {
  try {
    return readText(path, MAX_PEM_BYTES);
  } catch (error) {
    throw badCertificate(option, 'a PEM file', messageOf(error));
  }
}

function badCertificate(
  option: string,
  expected: string,
  found: string,
  next = 'Give the files as curl’s --cert and --key take them; `openssl pkey -in KEY -out PLAIN` decrypts a key.',
): SquallError {
  return new SquallError('option', 'BAD_CLIENT_CERTIFICATE', `Expected ${option} to be ${expected}, but: ${found}`, {
    next,
  });
}
