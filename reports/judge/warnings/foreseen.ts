import { stagesOf } from '../../../harness/arrivals/arrivals.ts';
import { DEFAULT_CONNECTIONS, loadEndMs, type RunPlan } from '../../../harness/plan.ts';
import { formatMs } from '../../../harness/quantity.ts';
import type { Objective } from '../check.ts';
import { MIN_REQUESTS } from '../gates.ts';
import { type ParsedObjective, parseObjective } from '../objective.ts';
import { foreseeScaling } from './foreseen-scaling.ts';

type Planned = Pick<RunPlan, 'load' | 'faults' | 'slos'>;

/** Part of the load phase that a window is planned to take, at most. */
interface Span {
  readonly fromMs: number;
  readonly toMs: number;
  /** Whether it may be shorter, since it depends on when the stack recovers by itself. */
  readonly isOpen: boolean;
}

/**
 * Warnings of a plan, as sentences with the numbers to change: SLOs that cannot pass because their windows will hold too few requests, and
 * fewer requests than make a run valid; and faults of some connections that may affect none. Says nothing of windows whose requests depend on the responses, as in a closed loop.
 */
export function foresee(plan: Planned): string[] {
  const whole = { fromMs: 0, toMs: loadEndMs(plan), isOpen: false };
  const all = expectedRequests(plan, whole);
  const few =
    all !== undefined && all < MIN_REQUESTS
      ? [
          `The plan sends about ${count(all)} requests, and a run with fewer than ${MIN_REQUESTS} is invalid: ${changes(whole, all, MIN_REQUESTS)}.`,
        ]
      : [];
  return [
    ...few,
    ...plan.faults.flatMap(fault => foreseeDraws(plan, fault)),
    ...plan.slos.flatMap(slo => foreseeSlo(plan, slo)),
    ...foreseeScaling(plan, name => spanOf(plan, name)),
  ];
}

/** Chance of affecting nobody from which on a fault is warned of. */
const MAX_MISS = 0.01;

/** A fault of some connections that by chance affects none of the few that the load opens meanwhile. */
function foreseeDraws(plan: Planned, fault: RunPlan['faults'][number]): string[] {
  const { toxicity = 1 } = fault.parameters as { readonly toxicity?: number };
  const { kind, maxRequests } = plan.load.clients?.connections ?? DEFAULT_CONNECTIONS;
  if (toxicity === 1 || !fault.target.startsWith('client->') || kind !== 'reuse') return [];
  const requests = expectedRequests(plan, spanOf(plan, `fault:${fault.id}`)!);
  if (requests === undefined) return [];
  const connections = Math.max(1, Math.round(requests / (maxRequests ?? Number.POSITIVE_INFINITY)));
  const miss = (1 - toxicity) ** connections;
  if (miss < MAX_MISS) return [];
  return [
    `Fault ${fault.id} draws its toxicity of ${toxicity} for each connection, and the load opens about ${connections} while it is active, so that with a chance of ${Math.round(miss * 100)} % no request is affected: set \`load.clients.connections: fresh\`, or make the fault longer.`,
  ];
}

function foreseeSlo(plan: Planned, slo: RunPlan['slos'][number]): string[] {
  const { objective, check } = parseObjective(slo.objective);
  const needed = check.minRequests?.(objective);
  if (needed === undefined) return [];
  const about = `SLO "${slo.name}": ${slo.objective}`;
  if (needed === Number.POSITIVE_INFINITY)
    return [
      `${about} can never pass, since no number of requests shows a ratio of exactly 0: permit a little, such as 0.5%.`,
    ];
  const part = partOf(plan, slo.class);
  const windows = [check.window?.(objective) ?? slo.window, ...(check.comparesBaseline ? ['baseline'] : [])];
  return windows.flatMap(name => {
    const span = spanOf(plan, name);
    const expected = span && expectedRequests(plan, span);
    if (!span || expected === undefined || expected * part >= needed) return [];
    const sent = `${span.isOpen ? 'at most' : 'about'} ${count(expected * part)}`;
    const alternative = lowerPercentile({ objective, check, text: slo.objective }, expected * part);
    return [
      `${about} in ${name} needs ${needed} requests to pass, and the plan sends ${sent} there: ${changes(span, expected * part, needed)}${alternative}.`,
    ];
  });
}

/** Part of the requests that are of a class, 0–1. */
function partOf({ load }: Planned, name: string | undefined): number {
  const classes = load.clients?.classes ?? [];
  const weight = classes.find(one => one.name === name)?.weight;
  return weight === undefined ? 1 : weight / classes.reduce((sum, one) => sum + one.weight, 0);
}

/** How to get the missing requests: a higher rate, or a longer span. */
function changes({ fromMs, toMs }: Span, expected: number, needed: number): string {
  if (expected <= 0) return 'let the load and the faults leave it time';
  const seconds = (toMs - fromMs) / 1000;
  const factor = needed / expected;
  const rate = (perSecond: number) => `${Math.ceil(perSecond * 10) / 10}/s`;
  return `raise the rate there from ${rate(expected / seconds)} to ${rate((expected / seconds) * factor)}, or make it ${formatMs(Math.ceil(seconds * factor * 10) * 100)} long instead of ${formatMs(toMs - fromMs)}`;
}

/** `, or judge p90`: the highest usual percentile for which the requests suffice; empty if there is none. */
function lowerPercentile({ objective, check }: ParsedObjective, expected: number): string {
  const { percentile } = objective as Objective & { readonly percentile?: number };
  if (percentile === undefined) return '';
  const usual = percentile > 50 ? [99, 95, 90, 50] : [1, 5, 10, 50];
  const enough = usual.find(
    other =>
      (percentile > 50 ? other < percentile : other > percentile) &&
      check.minRequests!({ ...objective, percentile: other } as Objective) <= expected,
  );
  return enough === undefined ? '' : `, or judge p${enough}`;
}

/** The planned span of a window; undefined if the plan has none of that name. */
function spanOf({ load, faults }: Planned, name: string): Span | undefined {
  const endMs = loadEndMs({ load });
  const untilFault = (fromMs: number, isOpen = false): Span => {
    const next = Math.min(endMs, ...faults.map(({ atMs }) => atMs).filter(atMs => atMs >= fromMs));
    return { fromMs, toMs: Math.max(fromMs, next), isOpen };
  };
  if (name === 'whole') return { fromMs: 0, toMs: endMs, isOpen: false };
  if (name === 'baseline') return untilFault(0);
  const [kind, id] = name.split(/:(.*)/s);
  if (kind === 'load') {
    const stage = stagesOf(load.ramps.filter(({ fromMs }) => fromMs >= 0)).find(one => one.name === id);
    return stage && { fromMs: stage.fromMs, toMs: stage.toMs, isOpen: false };
  }
  const fault = faults.find(one => one.id === id);
  if (!fault) return undefined;
  const { atMs, forMs } = fault;
  if (kind === 'fault') return { fromMs: atMs, toMs: Math.min(endMs, atMs + (forMs ?? endMs)), isOpen: forMs === null };
  // That of a fault which others follow may end before it has recovered.
  return forMs === null ? untilFault(atMs + 1, true) : untilFault(Math.min(endMs, atMs + forMs));
}

/** Expected arrivals in a span; undefined where they depend on the responses or on a trace. */
function expectedRequests({ load }: Planned, { fromMs, toMs }: Span): number | undefined {
  const { arrivals, workload, ramps } = load;
  if (load.connections !== undefined || (workload.kind !== 'http' && workload.sessions)) return undefined;
  if (typeof arrivals !== 'string' && arrivals.kind === 'closed') return undefined;
  const isWhole = fromMs <= 0 && toMs >= loadEndMs({ load });
  if (typeof arrivals !== 'string' && arrivals.kind === 'trace' && !isWhole) return undefined;
  return ramps.reduce((sum, ramp) => {
    const [from, to] = [Math.max(fromMs, ramp.fromMs), Math.min(toMs, ramp.toMs)];
    if (to <= from) return sum;
    const rateAt = (ms: number) =>
      ramp.fromPerSecond + ((ramp.toPerSecond - ramp.fromPerSecond) * (ms - ramp.fromMs)) / (ramp.toMs - ramp.fromMs);
    return sum + ((rateAt(from) + rateAt(to)) / 2) * ((to - from) / 1000);
  }, 0);
}

function count(expected: number): number {
  return Math.floor(expected + 1e-9);
}
