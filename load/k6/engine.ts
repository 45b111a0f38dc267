import { fileURLToPath } from 'node:url';
import type { LoadEngine } from '../../harness/contracts.ts';
import type { ProgramPlacesOptions } from '../../harness/host/programs.ts';
import { workerEngine } from '../worker/worker-engine.ts';
import { requireK6 } from './program/find.ts';

/** For tests: another script, other places to look for k6. */
export interface K6EngineOptions {
  /** Absolute path. @default the checkout's own `load/k6/script/load.ts` */
  readonly script?: string;
  readonly find?: ProgramPlacesOptions;
}

/**
 * Load by the real k6, with a process beside it that collects what each request came to.
 *
 * ```
 * harness ──► collector ──starts──► k6 (its executor, its virtual users) ──HTTP──► targets
 *                │  ◄──two lines a request, a sample a drop──┘
 *                └──► journal
 * ```
 *
 * k6 is a program of this machine, or a container (`program/launch.ts`). Arrivals are k6's own, evenly spaced; what finds every
 * virtual user busy k6 drops, says when, and it is recorded so. When an arrival was due it does not say, so its own lateness is unknown. In a closed loop each virtual user is a user of the plan. Not implemented, because k6 cannot: arrivals at random, timing of tokens, a limit
 * on the gap between two bytes, and one on connecting. k6 unpacks what a server has compressed unasked, and judges the text.
 */
export function k6Engine(options: K6EngineOptions = {}): LoadEngine {
  const { script = fileURLToPath(new URL('./script/load.ts', import.meta.url)), find = {} } = options;
  return workerEngine({
    name: 'k6',
    path: fileURLToPath(new URL('./main.ts', import.meta.url)),
    prepare: async (_job, signal) => ({ script, program: await requireK6(find, signal) }),
  });
}
