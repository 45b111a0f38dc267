import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { makeAuthority, pemOf } from '../../../stack/edge/certificates.ts';

const now = new Date('2030-01-02T03:04:05Z');
const DAY_MS = 86_400_000;

describe('certificates of an ephemeral CA', () => {
  it('are valid for their names and addresses for a day', async () => {
    const authority = await makeAuthority(now);
    const { certificate, key } = await authority.issue({ names: ['edge.test', '127.0.0.1', '::1'] });
    const [issued, issuer] = [new X509Certificate(certificate), new X509Certificate(authority.certificate)];
    expect(issued.checkIssued(issuer) && issued.verify(issuer.publicKey)).toBe(true);
    expect([issuer.ca, issued.ca]).toEqual([true, false]);
    expect([issued.checkHost('edge.test'), issued.checkHost('other.test')]).toEqual(['edge.test', undefined]);
    expect([issued.checkIP('127.0.0.1'), issued.checkIP('127.0.0.2')]).toEqual(['127.0.0.1', undefined]);
    expect(issued.checkIP('::1')).toBe('::1');
    expect(issued.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
    expect(Date.parse(issued.validTo) - Date.parse(issued.validFrom)).toBe(DAY_MS);
    expect(Date.parse(issued.validFrom)).toBeLessThan(now.getTime());
    expect(pemOf({ certificate, key }).match(/BEGIN [A-Z ]+/g)).toEqual(['BEGIN CERTIFICATE', 'BEGIN PRIVATE KEY']);
  });

  it('are not valid for another CA', async () => {
    const [one, other] = await Promise.all([makeAuthority(now), makeAuthority(now)]);
    const issued = new X509Certificate((await one.issue({ names: ['edge.test'] })).certificate);
    expect(issued.verify(new X509Certificate(one.certificate).publicKey)).toBe(true);
    expect(issued.verify(new X509Certificate(other.certificate).publicKey)).toBe(false);
  });

  it('can be expired while their CA is not', async () => {
    const authority = await makeAuthority(now);
    const [from, to] = [new Date(now.getTime() - 2 * DAY_MS), new Date(now.getTime() - DAY_MS)];
    const issued = new X509Certificate((await authority.issue({ names: ['edge.test'], from, to })).certificate);
    expect(Date.parse(issued.validTo)).toBe(to.getTime());
    expect(Date.parse(new X509Certificate(authority.certificate).validFrom)).toBeLessThan(from.getTime());
  });
});
