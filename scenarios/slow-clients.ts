import type { Scenario } from './scenario.ts';

type Stack = NonNullable<Scenario['stack']>;

/** How {@link slowClients} is called. */
export interface SlowClients {
  readonly name: string;
  readonly why: string;
  /** Requirements beside the gateway's own slow-HTTP defence and the attack. */
  readonly covers?: readonly string[];
  /** The gateway's `stack.gateway.connections`: its deadlines, and few places. */
  readonly connections: NonNullable<NonNullable<Stack['gateway']>['connections']>;
  /** Kind and parameters of the attack. */
  readonly attack: { readonly kind: string; readonly [parameter: string]: unknown };
  /** What the places rest on, in words, and the keys of `connections` that the proof switches off. */
  readonly defence: { readonly what: string; readonly keys: readonly string[] };
  /** Users before more of them come, and then. @default 20/s, 60/s */
  readonly users?: readonly [few: string, many: string];
  /** @default chat-short */
  readonly workload?: Scenario['load']['workload'];
  /** Inference replicas. @default 2 */
  readonly replicas?: number;
  /** When the attack begins, when more users come, when it ends, all in whole seconds. @default [7, 10, 21] */
  readonly seconds?: readonly [attack: number, many: number, end: number];
}

/**
 * A scenario of clients that are slow on purpose, against one gateway whose places for connections are few:
 *
 * ```
 * users    ╱── few ───┬──────── many ──────────   who come during the attack need places of their own
 * attack         ├────┴──────────────────┤
 * ```
 *
 * With its deadlines the gateway has places for them all the same; without, the proof, the attack holds all there are.
 */
export function slowClients(options: SlowClients): Scenario {
  const { name, why, covers = [], connections, attack, defence, workload = 'chat-short', replicas = 2 } = options;
  const { users: [few, many] = ['20/s', '60/s'], seconds: [attackAt, manyAt, endAt] = [7, 10, 21] } = options;
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
        { name: 'ramp', to: few, for: '3s' },
        { name: 'few', at: few, for: `${manyAt - 3}s` },
        { name: 'many', at: many, for: `${endAt + 5 - manyAt}s` },
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
        without: defence.what,
        set: Object.fromEntries(defence.keys.map(key => [`stack.gateway.connections.${key}`, 'off'])),
        breaks: 'error rate under attack',
      },
    ],
  };
}
