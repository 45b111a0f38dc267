import type { webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import type { X509Certificate } from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
/** Tolerance for clients whose clocks are slow. */
const BACKDATE_MS = 60_000;

/** The library, 250 modules that only a stack with TLS needs. */
async function x509(): Promise<typeof import('@peculiar/x509')> {
  // It needs decorator metadata when it is loaded.
  await import('reflect-metadata');
  return import('@peculiar/x509');
}

/** Certificate and private key, both in PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** Certificate and key in one PEM file, which nginx reads for both, so that it can be replaced atomically. */
export function pemOf({ certificate, key }: KeyPair): string {
  return `${certificate.trim()}\n${key.trim()}\n`;
}

/** Names and validity of a server certificate. */
interface CertificateRequest {
  /** Host names and IP addresses; the first is the subject. */
  readonly names: readonly string[];
  /** @default a minute ago */
  readonly from?: Date;
  /** @default a day after `from` */
  readonly to?: Date;
}

/** Ephemeral certificate authority, whose key never leaves this process. */
export interface CertificateAuthority {
  /** PEM of the certificate that clients must trust. */
  readonly certificate: string;
  issue(request: CertificateRequest): Promise<KeyPair>;
}

/**
 * Creates an ephemeral certificate authority that issues EC P-256 server certificates.
 * @param now start of validity of the certificates
 * @param lifetimeMs validity of the authority before and after `now`. @default 7 days
 */
export async function makeAuthority(now: Date, lifetimeMs = 7 * DAY_MS): Promise<CertificateAuthority> {
  const { BasicConstraintsExtension, KeyUsageFlags, KeyUsagesExtension, X509CertificateGenerator } = await x509();
  const keys = await crypto.subtle.generateKey(ALGORITHM, false, ['sign', 'verify']);
  const authority = await X509CertificateGenerator.createSelfSigned({
    name: [{ CN: ['Squall ephemeral CA'] }],
    // Earlier than any issued certificate, even an expired one.
    notBefore: new Date(now.getTime() - lifetimeMs),
    notAfter: new Date(now.getTime() + lifetimeMs),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  return {
    certificate: authority.toString('pem'),
    issue: request => issue(authority, keys.privateKey, now, request),
  };
}

async function issue(
  authority: X509Certificate,
  signingKey: webcrypto.CryptoKey,
  now: Date,
  { names, from = new Date(now.getTime() - BACKDATE_MS), to = new Date(from.getTime() + DAY_MS) }: CertificateRequest,
): Promise<KeyPair> {
  const library = await x509();
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await library.X509CertificateGenerator.create({
    subject: [{ CN: [names[0] ?? 'unnamed'] }],
    issuer: authority.subject,
    notBefore: from,
    notAfter: to,
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new library.BasicConstraintsExtension(false, undefined, true),
      new library.KeyUsagesExtension(library.KeyUsageFlags.digitalSignature, true),
      new library.ExtendedKeyUsageExtension([library.ExtendedKeyUsage.serverAuth]),
      new library.SubjectAlternativeNameExtension(names.map(value => ({ type: isIP(value) ? 'ip' : 'dns', value }))),
    ],
  });
  const key = await crypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { certificate: certificate.toString('pem'), key: library.PemConverter.encode(key, 'PRIVATE KEY') };
}
