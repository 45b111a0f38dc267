import type { Scenario } from '../scenario.ts';

type Stack = NonNullable<Scenario['stack']>;

/** Options of {@link slowClients}. */
export interface SlowClients {
  readonly name: string;
  readonly why: string;
  /** Requirements beside those of every such scenario. */
  readonly covers?: readonly string[];
  /** `stack.gateway.connections`: deadlines, and a small `maxConnections`. */
  readonly connections: NonNullable<NonNullable<Stack['gateway']>['connections']>;
  /** Kind and parameters of the attack. */
  readonly attack: { readonly kind: string; readonly [parameter: string]: unknown };
  /** The safeguard that the SLOs depend on, and the keys of `connections` that turn it off. */
  readonly safeguard: { readonly name: string; readonly keys: readonly string[] };
  /** Arrival rates before and after the step. @default 20/s, 60/s */
  readonly rates?: readonly [low: string, high: string];
  /** @default chat-short */
  readonly workload?: Scenario['load']['workload'];
  /** Inference replicas. @default 2 */
  readonly replicas?: number;
  /** Times in whole seconds: start of the attack, step of the rate, end of the attack. @default [7, 10, 21] */
  readonly seconds?: readonly [attack: number, step: number, end: number];
}

/**
 * A scenario of clients that are slow on purpose, against one gateway that allows few connections:
 *
 * ```
 * users    ╱── low ───┬──────── high ──────────   users who arrive during the attack need new connections
 * attack         ├────┴──────────────────┤
 * ```
 *
 * The deadlines of the gateway keep connections free for them; without the deadlines, in the proof, the attack holds all of them.
 */
export function slowClients(options: SlowClients): Scenario {
  const { name, why, covers = [], connections, attack, safeguard, workload = 'chat-short', replicas = 2 } = options;
  const { rates: [low, high] = ['20/s', '60/s'], seconds: [attackAt, stepAt, endAt] = [7, 10, 21] } = options;
  return {
    name,
    why,
    covers: ['A2.16', 'B4', ...covers],
    stack: {
      gateway: { connections },
      inference: { replicas, profile: 'qwen3-8b-fp8-h100' },
      timeScale: 60,
    },
    load: {
      stages: [
        { name: 'ramp', to: low, for: '3s' },
        { name: 'low', at: low, for: `${stepAt - 3}s` },
        { name: 'high', at: high, for: `${endAt + 5 - stepAt}s` },
      ],
      workload,
    },
    faults: [{ id: 'attack', on: 'client→gateway-1', at: `${attackAt}s`, for: `${endAt - attackAt}s`, ...attack }],
    slos: [
      { name: 'TTFT before the attack', window: 'baseline', objective: 'p95(ttft) <= 350 ms' },
      { name: 'error rate under attack', window: 'fault:attack', objective: 'errors <= 3%' },
      { name: 'TTFT under attack', window: 'fault:attack', objective: 'p95(ttft) <= 800 ms' },
    ],
    proof: [
      {
        without: safeguard.name,
        set: Object.fromEntries(safeguard.keys.map(key => [`stack.gateway.connections.${key}`, 'off'])),
        breaks: ['error rate under attack', 'TTFT under attack'],
      },
    ],
  };
}
