import type { Clock } from '../../harness/clock.ts';
import type { Platform, RunningStack } from '../../harness/contracts.ts';
import type { Topology } from '../../stack/topology.ts';
import type { CompiledScenario } from '../compile.ts';
import type { EndFacts } from './invariants/facts.ts';
import { rotationMs } from './invariants/promises.ts';
import { checkEnd } from './invariants.ts';

/** The part of {@link EndFacts} that has to be observed. */
export type EndState = Pick<EndFacts, 'finalMetrics' | 'finalStates' | 'halfOpen'>;

/** Of a run that did not get that far. */
export const NO_END: EndState = { finalMetrics: {}, finalStates: {}, halfOpen: [] };

/** Who looks at the end of a run. */
export interface EndObserver {
  readonly clock: Clock;
  /** @default nobody sees them */
  readonly halfOpen?: () => readonly string[];
  /** Called with the last state before the stack is taken down. */
  readonly keep: (state: EndState) => void;
}

/** Time for the metrics of a service, and between two looks, in ms. */
const LOOK_MS = 1000;
const PAUSE_MS = 500;

/**
 * A platform whose stacks are taken down once they have settled, or once the time is over that their configuration promises for that; the
 * last state of each is kept.
 */
export function observed(
  platform: Platform<Topology>,
  { plan, topology }: CompiledScenario,
  { clock, halfOpen = () => [], keep }: EndObserver,
): Platform<Topology> {
  return {
    kind: platform.kind,
    async up(asked, options) {
      const stack = await platform.up(asked, options);
      const settle = async () => {
        const dueMs = clock.nowMs() + rotationMs(plan);
        for (;;) {
          const state = { ...(await look(stack, clock)), halfOpen: halfOpen() };
          keep(state);
          if (clock.nowMs() >= dueMs || checkEnd({ plan, topology, ...state }).length === 0) return;
          await clock.sleep(PAUSE_MS);
        }
      };
      return {
        ...stack,
        async [Symbol.asyncDispose]() {
          await settle().catch(() => {});
          await stack[Symbol.asyncDispose]();
        },
      };
    },
  };
}

async function look({ replicas, network }: RunningStack, clock: Clock): Promise<Omit<EndState, 'halfOpen'>> {
  const texts = replicas.map(async ({ name, url, metricsPath, state }): Promise<[string, string][]> => {
    if (metricsPath === undefined || state !== 'ready' || !network) return [];
    const response = await network.fetch(url + metricsPath, { signal: clock.timeout(LOOK_MS) }).catch(() => undefined);
    return response?.ok ? [[name, await response.text()]] : [];
  });
  return {
    finalMetrics: Object.fromEntries((await Promise.all(texts)).flat()),
    finalStates: Object.fromEntries(replicas.map(({ name, state }) => [name, state])),
  };
}
