import { X509Certificate } from 'node:crypto';
import type { EntryCertificate, Replica } from '../harness/contracts.ts';
import { pemOf } from '../stack/edge/certificates.ts';
import { tlsHandshake } from '../stack/edge/handshake.ts';
import { ENTRY_CERTIFICATE, ENTRY_NAMES } from '../stack/edge/replica.ts';
import type { Topology } from '../stack/topology.ts';

/** What a platform can do to the edge. */
export interface EdgeAccess {
  /** Replaces a file in the edge's directory in one step. */
  write(path: string, text: string): Promise<void>;
  /** Has nginx read its files again (SIGHUP). */
  reload(edge: Replica): Promise<void>;
}

/**
 * The certificate at the entry of a stack whose clients enter over TLS; undefined for others.
 * @param entry where clients enter, `host:port`
 */
export async function entryCertificate(
  { entryAuthority }: Topology,
  entry: string,
  replicas: readonly Replica[],
  access: EdgeAccess,
): Promise<EntryCertificate | undefined> {
  const authority = await entryAuthority?.();
  if (!authority) return undefined;
  const colon = entry.lastIndexOf(':');
  const place = { host: entry.slice(0, colon), port: Number(entry.slice(colon + 1)) };
  return {
    authority: authority.certificate,
    async replace(validity) {
      const pair = await authority.issue({ names: ENTRY_NAMES, ...validity });
      await access.write(ENTRY_CERTIFICATE, pemOf(pair));
      await access.reload(replicas.find(({ name }) => name === 'edge')!);
      return new X509Certificate(pair.certificate).fingerprint256;
    },
    look: async signal => (await tlsHandshake({ ...place, authority: authority.certificate }, signal)).fingerprint,
  };
}
