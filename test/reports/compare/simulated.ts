import type { RunPlan } from '../../../harness/plan.ts';
import { seededRandom } from '../../../harness/random.ts';
import type { RequestRecord } from '../../../harness/requests.ts';
import type { ComparableRun } from '../../../reports/judge/compare/compare.ts';
import { factsOf } from '../../../reports/judge/fold.ts';
import { judge } from '../../../reports/judge/judge.ts';
import { historyOf, killed, planOf, requestOf } from '../runs.ts';

/** How the latencies of a simulated run come about. */
export type Model = 'independent' | 'queue' | 'fault';

/** Simulated run of 60 s. */
export interface SimulatedOptions {
  readonly model: Model;
  readonly seed: number;
  readonly requests?: number;
  /** Factor of all latencies. */
  readonly slower?: number;
  /** Part of the requests that fail. */
  readonly failing?: number;
  readonly plan?: Partial<RunPlan>;
  /** Seed of the arrivals. @default `seed` */
  readonly arrivals?: number;
}

const SLOS = [
  { name: 'p95', window: 'whole', objective: 'p95(ttft) <= 10 s' },
  { name: 'goodput', window: 'whole', objective: 'goodput(5 s) >= 50%' },
];

/**
 * A run whose requests are lognormal one by one, wait for four servers that are busy 80 % of the time, or suffer from a fault between 20 and 30 s
 * that makes them five times as slow.
 */
export function simulated({
  model,
  seed,
  requests = 2000,
  slower = 1,
  failing = 0,
  plan: changes,
  arrivals = seed,
}: SimulatedOptions): ComparableRun {
  const base = planOf({ slos: SLOS, seed, ...(model === 'fault' && { faults: [FAULT] }), ...changes });
  const chance = seededRandom(arrivals).stream('arrivals');
  const random = seededRandom(seed).stream(model);
  const times = Array.from({ length: requests }, () => chance.next() * 60_000).sort((a, b) => a - b);
  const servers = [0, 0, 0, 0];
  const serviceMs = (0.8 * 4 * 60_000) / requests;
  const records = times.map((atMs, index): RequestRecord => {
    let ms = 300 * Math.exp(0.5 * random.normal());
    if (model === 'fault' && atMs > 20_000 && atMs < 30_000) ms *= 5;
    if (model === 'queue') {
      const server = servers.indexOf(Math.min(...servers));
      const beginMs = Math.max(atMs, servers[server]!);
      servers[server] = beginMs + random.exponential(serviceMs);
      ms = servers[server]! - atMs;
    }
    ms *= slower;
    if (random.next() < failing) return requestOf(index, atMs, { outcome: 'http-status', status: 503, latencyMs: ms });
    return requestOf(index, atMs, { ttftMs: ms / 2, latencyMs: ms });
  });
  const events = historyOf(base, ...(model === 'fault' ? killed() : []));
  return { document: judge({ events, records }).document, facts: factsOf(base, events, records) };
}

const FAULT = { id: 'kill', kind: 'kill', target: 'inference-1', atMs: 20_000, forMs: 10_000, parameters: {} };
