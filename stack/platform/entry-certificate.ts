import { X509Certificate } from 'node:crypto';
import type { EntryCertificate } from '../../harness/contracts.ts';
import { shakeHands } from '../edge/handshake.ts';
import { pemOf } from '../edge/reload.ts';
import { ENTRY_CERTIFICATE, ENTRY_NAMES } from '../edge/replica.ts';
import type { Topology } from '../topology.ts';

/** What a platform can do to the edge. */
export interface EdgeAccess {
  /** Where clients enter, `host:port`. */
  readonly entry: string;
  /** Replaces a file in the edge's directory in one step. */
  write(path: string, text: string): Promise<void>;
  /** Has nginx read its files again (SIGHUP). */
  reload(): Promise<void>;
}

/** The certificate at the entry of a stack whose clients enter over TLS; undefined for others. */
export async function entryCertificate(
  { entryAuthority }: Topology,
  edge: EdgeAccess,
): Promise<EntryCertificate | undefined> {
  const authority = await entryAuthority?.();
  if (!authority) return undefined;
  const colon = edge.entry.lastIndexOf(':');
  const place = { host: edge.entry.slice(0, colon), port: Number(edge.entry.slice(colon + 1)) };
  return {
    authority: authority.certificate,
    async replace(validity) {
      const pair = await authority.issue({ names: ENTRY_NAMES, ...validity });
      await edge.write(ENTRY_CERTIFICATE, pemOf(pair));
      await edge.reload();
      return new X509Certificate(pair.certificate).fingerprint256;
    },
    look: async signal => (await shakeHands({ ...place, authority: authority.certificate }, signal)).fingerprint,
  };
}
