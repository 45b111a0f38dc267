import { X509Certificate } from 'node:crypto';
import type { Replica } from '../harness/contracts.ts';
import type { Machine } from '../harness/host/network.ts';
import type { EntryCertificate } from '../harness/http/entry-certificate.ts';
import { pemOf } from '../stack/edge/certificates.ts';
import { tlsHandshake } from '../stack/edge/handshake.ts';
import { ENTRY_CERTIFICATE, ENTRY_NAMES } from '../stack/edge/replica.ts';
import type { Topology } from '../stack/topology.ts';

/** Operations of a platform on the edge. */
export interface EdgeAccess {
  /** Replaces a file in the edge's directory atomically. */
  write(path: string, text: string): Promise<void>;
  /** Makes nginx reload its configuration (SIGHUP). */
  reload(edge: Replica): Promise<void>;
}

/**
 * Certificate at the entry of a stack that clients enter over TLS; undefined for other stacks.
 * @param entry address that clients connect to, `host:port`
 */
export async function entryCertificate(
  { entryAuthority }: Topology,
  entry: string,
  replicas: readonly Replica[],
  access: EdgeAccess,
  machine: Machine,
): Promise<EntryCertificate | undefined> {
  const authority = await entryAuthority?.();
  if (!authority) return undefined;
  const colon = entry.lastIndexOf(':');
  const address = { machine, host: entry.slice(0, colon), port: Number(entry.slice(colon + 1)) };
  return {
    authority: authority.certificate,
    async replace(validity) {
      const pair = await authority.issue({ names: ENTRY_NAMES, ...validity });
      await access.write(ENTRY_CERTIFICATE, pemOf(pair));
      await access.reload(replicas.find(({ name }) => name === 'edge')!);
      return new X509Certificate(pair.certificate).fingerprint256;
    },
    look: async signal => (await tlsHandshake({ ...address, authority: authority.certificate }, signal)).fingerprint,
  };
}
