import { seededRandom } from '../../../harness/random.ts';
import type { RequestRecord } from '../../../harness/requests.ts';
import { factsOf } from '../../../reports/judge/fold.ts';
import { judgeSlo } from '../../../reports/judge/slo.ts';
import type { StepFigures } from '../../../reports/store/capacity-document.ts';
import { type LoadSample, overSaturation, type WatchLimits } from '../../../scenarios/capacity/over-saturation.ts';
import { figuresOf, type JudgedStep } from '../../../scenarios/capacity/step-figures.ts';

/** When an arrival gets its first token and its last, in ms, or when it is rejected. */
interface Served {
  readonly firstMs: number;
  readonly endMs: number;
  readonly failed?: boolean;
}

/** A server of known capacity. */
export type Server = (arrivals: readonly number[]) => readonly Served[];

/** A queue with `k` servers, each of which takes `serviceMs` for a request (M/D/k with Poisson arrivals): capacity k / service. */
export function queueOf(k: number, serviceMs: number): Server {
  return arrivals => {
    const freeAt = new Float64Array(k).fill(Number.NEGATIVE_INFINITY);
    return arrivals.map((atMs, index) => {
      // All services take the same time, so that servers become free in turn.
      const startMs = Math.max(atMs, freeAt[index % k]!);
      freeAt[index % k] = startMs + serviceMs;
      return { firstMs: startMs + serviceMs, endMs: startMs + serviceMs };
    });
  };
}

/**
 * A server that works in steps of `stepMs`, each of which gives a token to at most `batch` requests; a request has `tokens` of them and
 * stays in its batch until it has all: capacity batch / (tokens · step).
 */
export function batchOf(batch: number, stepMs: number, tokens: number): Server {
  return arrivals => {
    const freeAt = new Float64Array(batch).fill(Number.NEGATIVE_INFINITY);
    return arrivals.map((atMs, index) => {
      const freeMs = Math.max(atMs, freeAt[index % batch]!);
      const startMs = Math.ceil(freeMs / stepMs) * stepMs;
      freeAt[index % batch] = startMs + tokens * stepMs;
      return { firstMs: startMs + stepMs, endMs: startMs + tokens * stepMs };
    });
  };
}

/** As {@link queueOf}, with room for `room` requests that wait: it rejects all others. */
export function boundedQueueOf(k: number, serviceMs: number, room: number): Server {
  return arrivals => {
    // Ascending, since all services take the same time.
    const ends: number[] = [];
    let gone = 0;
    return arrivals.map(atMs => {
      while (gone < ends.length && ends[gone]! <= atMs) gone += 1;
      if (ends.length - gone >= k + room) return { firstMs: atMs, endMs: atMs, failed: true };
      const endMs = Math.max(atMs, ends[ends.length - k] ?? atMs) + serviceMs;
      ends.push(endMs);
      return { firstMs: endMs, endMs };
    });
  };
}

/** Poisson arrivals from `fromMs` to `toMs`. */
export function arrivalsOf(perSecond: number, fromMs: number, toMs: number, seed: number): number[] {
  const random = seededRandom(seed);
  const times: number[] = [];
  for (
    let atMs = fromMs + random.exponential(1000 / perSecond);
    atMs < toMs;
    atMs += random.exponential(1000 / perSecond)
  )
    times.push(atMs);
  return times;
}

/** A step, and how long it took with its warm-up, in ms. */
export interface TimedStep {
  readonly figures: StepFigures;
  readonly tookMs: number;
}

/**
 * A step against a server, judged as a run is by its SLO; `stepMs` and a fifth of it before, as warm-up.
 * @param watch by which it ends early @default null: it does not
 */
export function stepOf(
  server: Server,
  perSecond: number,
  stepMs: number,
  objective: string,
  seed: number,
  watch: WatchLimits | null = null,
): TimedStep {
  const fromMs = -Math.min(10_000, 0.2 * stepMs);
  const arrivals = arrivalsOf(perSecond, fromMs, stepMs, seed);
  const all = server(arrivals).map((served, index) => recordOf(index, arrivals[index]!, served));
  const { overload, toMs } = watchOf(all, fromMs, stepMs, watch);
  const records = overload === undefined ? all : all.flatMap(record => interruptedAt(record, toMs));
  const ramps = [{ name: 'step', fromMs: 0, toMs: stepMs, fromPerSecond: perSecond, toPerSecond: perSecond }];
  const slo = { name: 'slo', window: 'whole', objective };
  const run = factsOf({ load: { ramps }, faults: [], slos: [slo] } as never, [], records);
  const judged = judgeSlo(slo, run);
  const measured = records.filter(({ scheduledMs }) => scheduledMs >= 0);
  const slotMs = 1000;
  const inFlight = new Array<number>(Math.ceil(stepMs / slotMs)).fill(0);
  for (const { scheduledMs, endMs } of records) {
    const last = Math.min(inFlight.length - 1, Math.ceil(endMs / slotMs - 0.5) - 1);
    for (let slot = Math.max(0, Math.ceil(scheduledMs / slotMs - 0.5)); slot <= last; slot += 1) inFlight[slot]! += 1;
  }
  const document = { verdict: judged.verdict, reasons: [judged.reason], slos: [judged], windows: [] };
  const load = {
    offered: measured.length,
    failed: 0,
    completed: measured.length,
    dropped: 0,
    lateMsP99: 0,
    cpuCores: 0,
  };
  const step = { document: { ...document, load }, facts: run, timeline: { slotMs, inFlight, tokens: [] } };
  const endMs = records.reduce((max, record) => Math.max(max, record.endMs), toMs);
  return { figures: figuresOf(step as unknown as JudgedStep, overload, perSecond), tookMs: endMs - fromMs };
}

/** Looks at a step every second. */
function watchOf(records: readonly RequestRecord[], fromMs: number, stepMs: number, watch: WatchLimits | null) {
  const samples: LoadSample[] = [];
  const ends = records.map(({ endMs }) => endMs).sort((a, b) => a - b);
  let [arrived, ended] = [0, 0];
  for (let atMs = fromMs; watch && atMs < stepMs; atMs += 1000) {
    while (arrived < records.length && records[arrived]!.scheduledMs <= atMs) arrived += 1;
    while (ended < ends.length && ends[ended]! <= atMs) ended += 1;
    const counts = { arrived, ended, inFlight: arrived - ended, dropped: 0, recentP99TtftMs: null };
    samples.push({ atMs: atMs - fromMs, ...counts });
    const overload = overSaturation(samples, watch);
    if (overload !== undefined) return { overload, toMs: atMs };
  }
  return { overload: undefined, toMs: stepMs };
}

function interruptedAt(record: RequestRecord, atMs: number): RequestRecord[] {
  if (record.scheduledMs > atMs) return [];
  if (record.endMs <= atMs) return [record];
  const { firstTokenMs } = record;
  const isServed = firstTokenMs !== null && firstTokenMs <= atMs;
  return [{ ...record, endMs: atMs, firstTokenMs: isServed ? firstTokenMs : null, outcome: 'interrupted' }];
}

function recordOf(index: number, scheduledMs: number, { firstMs, endMs, failed = false }: Served): RequestRecord {
  const outcome = failed ? ('http-status' as const) : ('ok' as const);
  return {
    ...{
      index,
      scheduledMs,
      sentMs: scheduledMs,
      firstTokenMs: failed ? null : firstMs,
      endMs,
      outcome,
      status: failed ? 503 : 200,
    },
    ...{ promptTokens: 1, outputTokens: 1, stage: scheduledMs < 0 ? 'warm-up' : 'step', upstream: '', gaps: [] },
  };
}

/** Rate at which just the allowed ratio of requests is slower than `limitMs` or rejected in the long run, by simulating it at length. */
export function trueEdge(
  server: Server,
  allowed: number,
  limitMs: number,
  low: number,
  high: number,
  lengthMs: number,
): number {
  for (let step = 0; step < 12; step += 1) {
    const rate = (low + high) / 2;
    const arrivals = arrivalsOf(rate, 0, lengthMs, 77);
    const isBad = ({ firstMs, failed }: Served, index: number) => failed || firstMs - arrivals[index]! > limitMs;
    if (server(arrivals).filter(isBad).length <= allowed * arrivals.length) low = rate;
    else high = rate;
  }
  return (low + high) / 2;
}
