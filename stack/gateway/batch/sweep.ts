import type { Batches } from './batches.ts';
import { type Files, KEYS } from './files.ts';
import type { Ledger } from './ledger/ledger.ts';
import { fileOf } from './records.ts';

/** What is deleted at once, at most. */
const MAX_DELETED = 20;
/** A file that a batch still needs is looked at again after this. */
const AGAIN_MS = 3_600_000;

/** Deletes files and batches that have been kept for long enough. */
export async function sweep(
  { ledger, files, batches }: { readonly ledger: Ledger; readonly files: Files; readonly batches: Batches },
  nowMs: number,
): Promise<void> {
  for (const { member } of await ledger.range(KEYS.expiry, nowMs, MAX_DELETED)) {
    const [kind, id = ''] = member.split(' ');
    const forget = () => ledger.commit([], [['ZREM', KEYS.expiry, member]]);
    if (kind === 'batch') {
      const batch = await batches.find(id);
      await (batch ? batches.remove(batch) : forget());
      continue;
    }
    const file = fileOf(id, await ledger.fields(KEYS.file(id)));
    if (!file) await forget();
    else if (!(await files.remove(file))) await ledger.commit([], [['ZADD', KEYS.expiry, nowMs + AGAIN_MS, member]]);
  }
}
