import { type MergedSegment, RUN_SCHEMA, type RunEnvironment, type TimedEvent } from '../../../harness/history.ts';
import { sumSummaries } from '../../../harness/load-summary.ts';
import { formatMs } from '../../../harness/quantity.ts';
import { type AttackOutcome, inOrder, type RequestRecord, type Requests } from '../../../harness/requests.ts';
import { injects } from '../../../harness/segment.ts';
import { faultOutcomes } from '../../../harness/windows.ts';
import { loadCounts } from '../counts.ts';
import { factsOf } from '../fold.ts';
import { GENERATOR_GATES } from '../gates.ts';
import { type Part, wholePlan } from './segments.ts';

/** Merged history and request records. */
export interface MergedRun {
  /** On one timeline, in order. */
  readonly events: TimedEvent[];
  /** In scheduled order, read from the parts whenever somebody reads them. */
  readonly records: MergedRecords;
}

/**
 * Limit of the difference between the segments' starts by their wall clocks. Beyond it the target never received the whole load at
 * once, and parts of a load one after the other do not show what it can bear.
 */
const MAX_SPREAD_MS = 1000;

/**
 * Merges runs that shared a load into one, aligned by the start of their load phases.
 *
 * ```
 * segment 1   ├─0────fault────┤
 * segment 2     ├─0────fault────┤       requests: all, in scheduled order
 * union       ├─0────fault────┤         a fault: from the first injection to the last recovery, if every segment with it observed both
 * ```
 *
 * A problem that invalidates one segment invalidates the union.
 *
 * @param parts in order and complete, as {@link requireComplete} returns them
 */
export function mergeRuns(parts: readonly Part[], environment: RunEnvironment): MergedRun {
  const plan = wholePlan(parts[0]!.plan);
  const openedMs = Math.min(...parts.map(({ events }) => events[0]!.atMs));
  const segments = parts.map(segmentOf);
  const middle = [
    // All segments sample the metrics of one target.
    ...parts[0]!.events.filter(({ type }) => type === 'phase' || type === 'versions' || type === 'sample'),
    ...parts.flatMap(problems),
    ...parts.flatMap(generatorProblems),
    ...parts.flatMap(replicaEvents),
    ...plan.faults.flatMap(({ id }) => faultEvents(id, parts)),
    ...spreadProblem(segments),
  ].filter(event => !(event.type === 'phase' && event.phase === 'done'));
  const isDone = parts.every(({ events }) => events.some(event => event.type === 'phase' && event.phase === 'done'));
  const endMs = Math.max(...parts.map(({ events }) => events.at(-1)!.atMs));
  return {
    events: [
      { atMs: openedMs, type: 'plan', schema: RUN_SCHEMA, plan, environment },
      { atMs: openedMs, type: 'merged', segments },
      { atMs: openedMs, type: 'start', inMs: -openedMs },
      ...middle.sort((a, b) => a.atMs - b.atMs),
      ...loadEvent(parts, endMs),
      ...(isDone ? [{ atMs: endMs, type: 'phase', phase: 'done' } as const] : []),
    ],
    records: new MergedRecords(parts.map(({ records }) => records)),
  };
}

/** Records of several runs in one order, of which one of each is in memory. */
export class MergedRecords implements Iterable<RequestRecord> {
  readonly #parts: readonly Requests[];

  constructor(parts: readonly Requests[]) {
    this.#parts = parts;
  }

  *[Symbol.iterator](): Generator<RequestRecord, undefined> {
    const heads = this.#parts.flatMap(records => {
      const rest = inOrder(records)[Symbol.iterator]();
      const { done, value } = rest.next();
      return done ? [] : [{ rest, record: value }];
    });
    while (heads.length > 0) {
      const first = heads.reduce((least, head) => (head.record.index < least.record.index ? head : least));
      yield first.record;
      const { done, value } = first.rest.next();
      if (done) heads.splice(heads.indexOf(first), 1);
      else first.record = value;
    }
    return;
  }

  forEach(visit: (record: RequestRecord) => void): void {
    for (const record of this) visit(record);
  }
}

function segmentOf({ plan, run, events, records }: Part): MergedSegment {
  const start = events.find(event => event.type === 'start');
  return { index: plan.segment!.index, run, startAt: start?.at ?? null, requests: records.length };
}

/** Difference in ms between the first and the last start by the segments' wall clocks; null if one is unknown. */
export function spreadMs(segments: readonly MergedSegment[]): number | null {
  const zeros = segments.map(({ startAt }) => (startAt === null ? Number.NaN : Date.parse(startAt)));
  const spread = Math.max(...zeros) - Math.min(...zeros);
  return Number.isNaN(spread) ? null : spread;
}

function spreadProblem(segments: readonly MergedSegment[]): TimedEvent[] {
  const spread = spreadMs(segments);
  if (spread === null || spread <= MAX_SPREAD_MS) return [];
  const reason = `the segments started ${formatMs(spread)} apart by their wall clocks, which exceeds the limit of ${formatMs(MAX_SPREAD_MS)}: the target never received the whole load at once; start all segments with the same --start-at`;
  return [{ atMs: 0, type: 'invalid', guard: 'segments', reason }];
}

const labelOf = ({ plan }: Part) => `segment ${plan.segment!.index}`;

function problems(part: Part): TimedEvent[] {
  return part.events.flatMap((event): TimedEvent[] => {
    if (event.type === 'invalid' || event.type === 'crashed')
      return [{ ...event, reason: `${labelOf(part)}: ${event.reason}` }];
    return event.type === 'interrupted' ? [{ ...event, by: `${event.by} (${labelOf(part)})` }] : [];
  });
}

/** Failed gates of one generator, which would not show among the requests of the others. */
function generatorProblems(part: Part): TimedEvent[] {
  const { plan, events, records } = part;
  const load = loadCounts(plan.load.engine, records, events);
  const run = factsOf(plan, events, records);
  return GENERATOR_GATES.flatMap(gate => gate(run, load)).map(reason => ({
    atMs: 0,
    type: 'invalid',
    guard: 'generator',
    reason: `${labelOf(part)}: ${reason}`,
  }));
}

/** Replica events of one machine, such as the death of its fault proxy. */
function replicaEvents(part: Part): TimedEvent[] {
  return part.events.flatMap((event): TimedEvent[] =>
    event.type === 'replica' ? [{ ...event, replica: `${event.replica} (${labelOf(part)})` }] : [],
  );
}

/** Events of one fault, combined from the segments that injected it. */
function faultEvents(id: string, parts: readonly Part[]): TimedEvent[] {
  const steps = parts
    .filter(({ plan }) => plan.faults.some(fault => fault.id === id && injects(plan, fault)))
    .map(part => {
      const outcome = faultOutcomes(part.plan, part.events).find(({ plan }) => plan.id === id)!;
      const own = part.events.filter(event => event.type === 'fault').filter(event => event.id === id);
      return { part, outcome, own };
    });
  const eventsOf = (step: string) =>
    steps.flatMap(({ part, own }) =>
      own.filter(event => event.step === step).map(event => ({ ...event, evidence: attributed(part, event.evidence) })),
    );
  // An event may have been observed, at `seenMs`, before it was written.
  const one = (
    step: 'inject' | 'injected' | 'effective' | 'heal' | 'healed',
    pick: (...times: number[]) => number,
  ): TimedEvent[] => {
    const events = eventsOf(step);
    if (events.length === 0) return [];
    const evidence = events.map(event => event.evidence).filter(text => text !== '');
    const seenMs = pick(...events.map(event => event.seenMs ?? event.atMs));
    const atMs = pick(...events.map(event => event.atMs));
    return [{ ...events[0]!, atMs, seenMs, evidence: evidence.join('; '), ...attackRequests(events) }];
  };
  const allEffective = steps.every(({ outcome }) => outcome.effectiveAtMs !== null);
  const allHealed = steps.every(({ outcome }) => outcome.injectedAtMs === null || outcome.healedAtMs !== null);
  return [
    ...one('inject', Math.min),
    ...one('injected', Math.min),
    ...(allEffective ? one('effective', Math.min) : [...eventsOf('no-effect'), ...eventsOf('hidden')]),
    ...eventsOf('failed'),
    ...one('heal', Math.min),
    ...(allHealed ? one('healed', Math.max) : eventsOf('not-healed')),
  ];
}

/** Sum over the attackers of all segments. */
function attackRequests(events: readonly { readonly requests?: AttackOutcome }[]) {
  const counted = events.flatMap(({ requests }) => requests ?? []);
  if (counted.length === 0) return {};
  const holds = counted.flatMap(({ hold }) => hold ?? []);
  const counts = counted.map(({ ended, rejected, violations = 0 }) => ({ ended, rejected, violations }));
  return { requests: { ...summed(counts), ...(holds.length > 0 && { hold: summed(holds) }) } };
}

/** Of records with the same keys, one with their sums. */
function summed<Counts extends { readonly [key in keyof Counts]: number }>(records: readonly Counts[]): Counts {
  const sum = (key: keyof Counts) => records.reduce((total, record) => total + record[key], 0);
  return Object.fromEntries(Object.keys(records[0]!).map(key => [key, sum(key as keyof Counts)])) as Counts;
}

function attributed(part: Part, evidence: string): string {
  return evidence === '' ? '' : `${labelOf(part)}: ${evidence}`;
}

/** Combined summary of the generators; none if one did not report. */
function loadEvent(parts: readonly Part[], atMs: number): TimedEvent[] {
  const summaries = parts.flatMap(({ events }) => events.filter(event => event.type === 'load'));
  if (summaries.length < parts.length) return [];
  return [{ atMs, type: 'load', summary: sumSummaries(summaries.map(({ summary }) => summary)) }];
}
