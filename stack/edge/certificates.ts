// The library resolves its parts over decorators' metadata, which has to be there first.
import 'reflect-metadata';
import type { webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
/** Clocks of clients may lag behind a little. */
const BACKDATE_MS = 60_000;

/** A certificate with its private key, both PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** PEM of certificate and key in one file, which nginx reads for both, so that replacing it is one atomic step. */
export function pemOf({ certificate, key }: KeyPair): string {
  return `${certificate.trim()}\n${key.trim()}\n`;
}

/** What a server certificate is for. Give `from` and `to` in the past for an expired one, other names for a wrong one. */
export interface CertificateRequest {
  /** Host names and IP addresses; the first is the subject. */
  readonly names: readonly string[];
  /** @default a minute ago */
  readonly from?: Date;
  /** @default a day after `from` */
  readonly to?: Date;
}

/** A throw-away certificate authority, whose key never leaves this process. */
export interface CertificateAuthority {
  /** PEM; what a client has to trust. */
  readonly certificate: string;
  issue(request: CertificateRequest): Promise<KeyPair>;
}

/**
 * Makes a certificate authority that issues EC P-256 server certificates.
 * @param now the date to count from
 * @param lifetimeMs how long the authority is valid. @default 7 days
 */
export async function makeAuthority(now: Date, lifetimeMs = 7 * DAY_MS): Promise<CertificateAuthority> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, false, ['sign', 'verify']);
  const authority = await X509CertificateGenerator.createSelfSigned({
    name: [{ CN: ['Squall throw-away CA'] }],
    // Before whatever it issues, also what has expired.
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
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.create({
    subject: [{ CN: [names[0] ?? 'nobody'] }],
    issuer: authority.subject,
    notBefore: from,
    notAfter: to,
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(names.map(value => ({ type: isIP(value) ? 'ip' : 'dns', value }))),
    ],
  });
  const key = await crypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { certificate: certificate.toString('pem'), key: PemConverter.encode(key, 'PRIVATE KEY') };
}
