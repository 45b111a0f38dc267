import { judge } from '../../reports/judge/judge.ts';
import type { SloResult, Verdict } from '../../reports/store/run-document.ts';
import type { CompiledScenario } from '../compile.ts';
import { type MemoryRecord, recordInMemory } from '../session/in-memory.ts';
import { type EndState, NO_END, observed } from './end-state.ts';
import { checkInvariants, type Violation } from './invariants.ts';

/** Result of a run that left nothing behind. */
export interface MemoryRun extends Pick<MemoryRecord, 'crash' | 'virtualMs'> {
  readonly verdict: Verdict;
  readonly reasons: readonly string[];
  readonly slos: readonly SloResult[];
  readonly violations: readonly Violation[];
  readonly requests: number;
}

/** Runs a scenario in virtual time in this process, see `recordInMemory`, and judges it by its SLOs and by the invariants. */
export async function runInMemory(compiled: CompiledScenario): Promise<MemoryRun> {
  let end: EndState = NO_END;
  const keep = (state: EndState) => {
    end = state;
  };
  const { plan, topology } = compiled;
  return await recordInMemory(
    compiled,
    { platform: (own, { clock, halfOpen }) => observed(own, compiled, { clock, halfOpen, keep }) },
    ({ events, records, log, crash, virtualMs }) => {
      const { document } = judge({ events, records });
      return {
        verdict: document.verdict,
        reasons: document.reasons,
        slos: document.slos,
        violations: crash ? [] : checkInvariants({ plan, topology, events, records, log, ...end }),
        ...(crash && { crash }),
        requests: records.length,
        virtualMs,
      };
    },
  );
}
