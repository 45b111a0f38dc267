import type { LoadEngine } from '../../../harness/contracts.ts';
import { autocannonEngine } from '../../../scenarios/load/autocannon.ts';
import { findK6 } from '../../../scenarios/load/k6/find.ts';
import { k6Engine } from '../../../scenarios/load/k6.ts';
import { streamEngine } from '../../../scenarios/load/stream.ts';
import { missing } from '../../require.ts';

/** Every engine, with the reason for which its tests are skipped where it is not there. */
export const ENGINES: readonly { name: string; engine: LoadEngine; skipped: string | false }[] = [
  { name: 'stream', engine: streamEngine, skipped: false },
  { name: 'k6', engine: k6Engine(), skipped: missing('k6', (await findK6()) !== undefined) },
  { name: 'autocannon', engine: autocannonEngine, skipped: false },
];
