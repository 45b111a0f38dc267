import type { LoadEngine } from '../../harness/contracts.ts';
import { autocannonEngine } from '../../load/autocannon/engine.ts';
import { k6Engine } from '../../load/k6/engine.ts';
import { findK6 } from '../../load/k6/program/find.ts';
import { streamEngine } from '../../load/stream/engine.ts';
import { missing } from '../require.ts';

/** Every engine, with the reason for which its tests are skipped where it is not there. */
export const ENGINES: readonly { name: string; engine: LoadEngine; skipped: string | false }[] = [
  { name: 'stream', engine: streamEngine, skipped: false },
  { name: 'k6', engine: k6Engine(), skipped: missing('k6', (await findK6()) !== undefined) },
  { name: 'autocannon', engine: autocannonEngine, skipped: false },
];
