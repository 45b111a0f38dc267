import { join, relative } from 'node:path';
import type { Clock } from '../../harness/clock.ts';
import type { RunningLoad } from '../../harness/contracts.ts';
import { readHistory } from '../../harness/history.ts';
import { thisMachine } from '../../harness/host/network.ts';
import { factsOf } from '../../reports/judge/fold.ts';
import { judge } from '../../reports/judge/judge.ts';
import { ARTIFACTS } from '../../reports/publish.ts';
import type { StepFigures } from '../../reports/store/capacity-document.ts';
import { readRequests } from '../../reports/store/requests-file.ts';
import type { CompiledScenario } from '../compile.ts';
import type { FoundScenario } from '../find.ts';
import { type LoadOptions, loadScenario } from '../load-scenario.ts';
import { freshSalt, withSalt } from '../salt.ts';
import { recordInMemory } from '../session/in-memory.ts';
import { runSession } from '../session/session.ts';
import { type WatchLimits, watchLoad } from './over-saturation.ts';
import { figuresOf } from './step-figures.ts';

/** A step as a worker is sent it; plain JSON. */
export interface StepOrder {
  readonly found: FoundScenario;
  /** With the changes of the step. */
  readonly options: LoadOptions;
  readonly watch: WatchLimits;
}

/** Runs a step in virtual time in this process; nothing of it is stored. @throws SquallError for a scenario that cannot be run, or a run that crashed */
export async function runStep({ found, options, watch }: StepOrder): Promise<StepFigures> {
  const { compiled } = await loadScenario(found, options);
  const salted = withSalt(compiled, freshSalt(compiled.plan));
  const end = new StepEnd();
  return await recordInMemory(
    salted,
    { onLoad: (load, clock) => end.watch(load, clock, watch), signal: end.signal },
    ({ events, records }) => {
      const facts = factsOf(salted.plan, events, records);
      return figuresOf({ ...judge({ events, records }), facts }, end.why, watch.perSecond);
    },
  );
}

/**
 * Runs a step in real time, in a run directory of its own.
 * @param out folder of the search
 * @returns figures, and the directory relative to `out`
 * @throws SquallError of a run that crashed, and the reason of `signal`
 */
export async function runRealStep(
  compiled: CompiledScenario,
  watch: WatchLimits,
  out: string,
  signal: AbortSignal,
): Promise<{ readonly figures: StepFigures; readonly run: string }> {
  const salted = withSalt(compiled, freshSalt(compiled.plan));
  const end = new StepEnd();
  const { directory, result, crash } = await runSession(salted, {
    out: join(out, 'steps'),
    signal: AbortSignal.any([signal, end.signal]),
    observer: { load: load => end.watch(load, thisMachine.clock, watch) },
  });
  signal.throwIfAborted();
  if (crash) throw crash;
  const facts = factsOf(salted.plan, readHistory(join(directory, ARTIFACTS.events)), await readRequests(directory));
  return { figures: figuresOf({ ...result, facts }, end.why, watch.perSecond), run: relative(out, directory) };
}

/** Ends a step that is over-saturated, as an interruption of its run. */
class StepEnd {
  readonly #abort = new AbortController();
  /** Why it was ended; undefined while it was not. */
  why: string | undefined;

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  watch(load: RunningLoad, clock: Clock, limits: WatchLimits): void {
    watchLoad(load, clock, limits, why => {
      this.why = why;
      this.#abort.abort(new Error('over-saturation'));
    });
  }
}
