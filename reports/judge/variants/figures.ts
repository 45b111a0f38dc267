import type { TimedEvent } from '../../../harness/history.ts';
import type { RunPlan } from '../../../harness/plan.ts';
import {
  isFailure,
  latencyMs,
  type RequestRecord,
  type Requests,
  timeToFirstTokenMs,
} from '../../../harness/requests.ts';
import { requestsIn } from '../../../harness/windows.ts';
import { rounded } from '../../rounding.ts';
import type { FigureName } from '../../store/variants-document.ts';
import { turnsWithin } from '../elasticity/oscillations.ts';
import { replicaMs } from '../elasticity/provision.ts';
import { replicaEvents } from '../elasticity/replicas.ts';
import { costResult } from '../elasticity/summary.ts';
import { factsOf } from '../fold.ts';
import { judgedSamples } from '../measure.ts';
import { parseObjective } from '../objective.ts';

/** Figures of one run by name; null for what it has none of, and for a P99 that is beyond every value. */
export type RunFigures = Readonly<Record<FigureName, number | null>>;

/** Longest time that a request may take and be within its SLO, in ms. */
export interface Deadline {
  readonly metric: 'ttft' | 'latency';
  readonly limitMs: number;
}

const HOUR_MS = 3_600_000;

/**
 * What variants are compared by, folded from one run; requests are those of the window `whole`.
 *
 * | figure | meaning |
 * |---|---|
 * | `withinSlo` | % of the requests that completed within all {@link deadlinesOf}; interrupted ones are left out |
 * | `ttftP99`, `latencyP99` | ms; a request that failed or was dropped is slower than every other |
 * | `errors` | % of the requests that failed or were dropped |
 * | `replicaHours` | hours that inference replicas existed during the load, from their start to their end, cold starts included |
 * | `per1000Requests`, `perMillionTokens` | dollars of that time, at the prices of nodes or of replicas, by completed requests and by their tokens, of prompts and outputs; null without prices |
 * | `oscillations` | how often the desired number of inference replicas changed its direction |
 */
export function figuresOf(plan: RunPlan, events: readonly TimedEvent[], records: Requests): RunFigures {
  const run = factsOf(plan, events, records);
  const whole = run.windows.find(({ name }) => name === 'whole');
  const none = { withinSlo: null, ttftP99: null, latencyP99: null, errors: null };
  if (!whole) return { ...none, replicaHours: null, per1000Requests: null, perMillionTokens: null, oscillations: null };
  const cost = costResult(run, whole.toMs);
  const requests = requestsIn(whole, run.records);
  const p99 = (metric: Deadline['metric']) => {
    const ms = judgedSamples({ metric }, requests).at(0.99);
    return ms === null || !Number.isFinite(ms) ? null : rounded(ms);
  };
  const ended = requests.filter(({ outcome }) => outcome !== 'interrupted');
  const deadlines = deadlinesOf(plan);
  const percent = (count: number) => (ended.length === 0 ? null : rounded((100 * count) / ended.length));
  return {
    withinSlo: percent(ended.filter(request => isWithin(deadlines, request)).length),
    ttftP99: p99('ttft'),
    latencyP99: p99('latency'),
    errors: percent(ended.filter(request => isFailure(request) || request.outcome === 'dropped').length),
    replicaHours: rounded(replicaHours(events, whole.toMs), 6),
    per1000Requests: cost?.per1000Requests ?? null,
    perMillionTokens: cost?.perMillionTokens ?? null,
    oscillations: plan.target === undefined ? turnsWithin(events, 0, whole.toMs).length : null,
  };
}

/**
 * Deadlines of a request by the SLOs of a plan: those of a `goodput`, otherwise for TTFT and latency each the limit of the objective with
 * the highest percentile, the strictest of several. None where no SLO has such a limit.
 */
export function deadlinesOf({ slos }: Pick<RunPlan, 'slos'>): Deadline[] {
  const objectives = slos.map(({ objective }) => parseObjective(objective).objective);
  const goodput = objectives.find(({ kind }) => kind === 'goodput') as { deadlines?: readonly Deadline[] } | undefined;
  if (goodput?.deadlines) return [...goodput.deadlines];
  return (['ttft', 'latency'] as const).flatMap(metric => {
    const [strictest] = objectives
      .filter(({ kind }) => kind === 'quantile')
      .map(objective => objective as unknown as { metric: string; percentile: number; limit: number })
      .filter(objective => objective.metric === metric)
      .sort((a, b) => b.percentile - a.percentile || a.limit - b.limit);
    return strictest ? [{ metric, limitMs: strictest.limit }] : [];
  });
}

function isWithin(deadlines: readonly Deadline[], request: RequestRecord): boolean {
  if (request.outcome !== 'ok') return false;
  return deadlines.every(({ metric, limitMs }) => {
    const tookMs = metric === 'ttft' ? timeToFirstTokenMs(request) : latencyMs(request);
    return tookMs !== null && tookMs <= limitMs;
  });
}

/** Hours that replicas existed between 0 and `endMs`; null where the run has none. */
function replicaHours(events: readonly TimedEvent[], endMs: number): number | null {
  return replicaEvents(events).length === 0 ? null : replicaMs(events, 0, endMs) / HOUR_MS;
}
