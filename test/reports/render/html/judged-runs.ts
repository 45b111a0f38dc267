import type { TimedEvent } from '../../../../harness/history.ts';
import type { RunPlan } from '../../../../harness/plan.ts';
import { judge } from '../../../../reports/judge/judge.ts';
import type { RenderInput } from '../../../../reports/store/run-document.ts';
import { historyOf, KILL, killed, planOf, type RequestChanges, requestOf, steadyLoad } from '../../runs.ts';

const SLOS = [
  { name: 'TTFT', window: 'whole', objective: 'p90(ttft) <= 800 ms' },
  { name: 'errors while a replica is gone', window: 'fault:kill', objective: 'errors <= 50%' },
];
const SERVICES = ['control', 'edge', 'gateway', 'inference', 'prometheus', 'redis'];
/** One replica of each of six services, ready all the time, which therefore have the same line. */
const REPLICAS: readonly TimedEvent[] = SERVICES.map(service => ({
  ...{ atMs: -2000, type: 'replica', service, replica: `${service}-1`, state: 'ready' },
}));

/** What fails while the replica is gone: half a second before the injection what is in flight, then every fourth request. */
function dying(ms: number, index: number): RequestChanges {
  const upstream = `inference-${1 + (index % 2)}`;
  if (ms >= 19_500 && ms < 20_000 && index % 2 === 0)
    return { outcome: 'truncated', ttftMs: 90, latencyMs: 700, more: { upstream } };
  if (ms >= 20_000 && ms < 29_700 && index % 4 === 0) return { outcome: 'http-status', status: 503, latencyMs: 4000 };
  return { ttftMs: 80 + (index % 40), more: { upstream } };
}

/** History and records of a run, judged as a stored one is. */
function judged(
  changes: Partial<RunPlan> = {},
  events: readonly TimedEvent[] = killed(19_930, 29_730),
  load: typeof dying = dying,
): RenderInput {
  const plan = planOf({ faults: [KILL], slos: SLOS, source: 'name: example\nwhy: <b>bold</b>\n', ...changes });
  // A last arrival at the very end, which no window has.
  const records = [...steadyLoad(load), requestOf(620, 60_000)];
  return judge({
    events: historyOf(plan, ...REPLICAS, ...events),
    records,
    artifacts: { requests: 'requests.parquet' },
  });
}

const slo = (objective: string) => ({ slos: [...SLOS, { name: 'decides', window: 'whole', objective }] });

/** A run in every state in which one can end, each with the same fault, injected between two slots, and load. */
export const JUDGED: Readonly<Record<string, () => RenderInput>> = {
  pass: () => judged(),
  fail: () => judged(slo('p90(ttft) <= 20 ms')),
  inconclusive: () => judged(slo('p99.9(ttft | completed) <= 100 s')),
  invalid: () => judged({}, killed(null, null)),
  interrupted: () =>
    judged({}, [...killed(19_930, null), { atMs: 24_000, type: 'interrupted', by: 'SIGINT' }], (ms, index) =>
      ms < 24_000 ? dying(ms, index) : { outcome: 'interrupted' },
    ),
  external: () =>
    judged({
      platform: 'external',
      target: 'http://127.0.0.1:8000',
      stack: {},
      faults: [{ ...KILL, kind: 'latency', target: 'client→target' }],
    }),
};
