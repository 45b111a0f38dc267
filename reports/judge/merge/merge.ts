import type { MergedSegment, Surroundings, TimedEvent } from '../../../harness/history.ts';
import { sumSummaries } from '../../../harness/load-summary.ts';
import { formatMs } from '../../../harness/quantity.ts';
import type { AttackRequests, RequestRecord } from '../../../harness/requests.ts';
import { injects } from '../../../harness/segment.ts';
import { faultOutcomes } from '../../../harness/windows.ts';
import { factsOf } from '../fold.ts';
import { GENERATOR_GATES } from '../gates.ts';
import { loadCounts } from '../load-counts.ts';
import { type Part, wholePlan } from './segments.ts';

/** A history and its request records. */
export interface MergedRun {
  /** On one time line, ordered. */
  readonly events: TimedEvent[];
  /** In scheduled order. */
  readonly records: RequestRecord[];
}

/**
 * How far the segments' time zeros may lie apart by their wall clocks. Beyond it the target never had the whole load at once, and
 * what it can bear of thirds, one after the other, says nothing of what it can bear.
 */
const MAX_SPREAD_MS = 1000;

/**
 * The union of runs that shared a load, as if it had been one run. Each keeps its own time line: they are laid over one another at
 * their time zeros, whenever those were.
 *
 * ```
 * segment 1   ├─0────fault────┤
 * segment 2     ├─0────fault────┤       requests: all of them, in scheduled order
 * union       ├─0────fault────┤         a fault: from the first onset to the last heal, where all who injected it saw both
 * ```
 *
 * What spoils one segment spoils the union.
 *
 * @param parts in order, complete: {@link requireComplete} has seen to that
 */
export function mergeRuns(parts: readonly Part[], surroundings: Surroundings): MergedRun {
  const plan = wholePlan(parts[0]!.plan);
  const openedMs = Math.min(...parts.map(({ events }) => events[0]!.atMs));
  const segments = parts.map(segmentOf);
  const middle = [
    ...parts[0]!.events.filter(({ type }) => type === 'phase' || type === 'versions'),
    ...parts.flatMap(troubles),
    ...parts.flatMap(generatorTroubles),
    ...parts.flatMap(loneEvents),
    ...plan.faults.flatMap(({ id }) => faultEvents(id, parts)),
    ...spreadTrouble(segments),
  ].filter(event => !(event.type === 'phase' && event.phase === 'done'));
  const isDone = parts.every(({ events }) => events.some(event => event.type === 'phase' && event.phase === 'done'));
  const endMs = Math.max(...parts.map(({ events }) => events.at(-1)!.atMs));
  return {
    events: [
      { atMs: openedMs, type: 'plan', plan, surroundings },
      { atMs: openedMs, type: 'merged', segments },
      { atMs: openedMs, type: 'zero', inMs: -openedMs },
      ...middle.sort((a, b) => a.atMs - b.atMs),
      ...loadEvent(parts, endMs),
      ...(isDone ? [{ atMs: endMs, type: 'phase', phase: 'done' } as const] : []),
    ],
    records: parts.flatMap(({ records }) => records).sort((a, b) => a.index - b.index),
  };
}

function segmentOf({ plan, run, events, records }: Part): MergedSegment {
  const zero = events.find(event => event.type === 'zero');
  return { index: plan.segment!.index, run, zeroAt: zero?.at ?? null, requests: records.length };
}

/** How far the time zeros lie apart by the segments' wall clocks, in ms; null where one has none. */
export function spreadMs(segments: readonly MergedSegment[]): number | null {
  const zeros = segments.map(({ zeroAt }) => (zeroAt === null ? Number.NaN : Date.parse(zeroAt)));
  const spread = Math.max(...zeros) - Math.min(...zeros);
  return Number.isNaN(spread) ? null : spread;
}

function spreadTrouble(segments: readonly MergedSegment[]): TimedEvent[] {
  const spread = spreadMs(segments);
  if (spread === null || spread <= MAX_SPREAD_MS) return [];
  const reason = `by their clocks the time zeros lie ${formatMs(spread)} apart, at most ${formatMs(MAX_SPREAD_MS)} may: the target never had the whole load at once; start all segments with the same --zero-at`;
  return [{ atMs: 0, type: 'invalid', guard: 'segments', reason }];
}

const named = ({ plan }: Part) => `segment ${plan.segment!.index}`;

function troubles(part: Part): TimedEvent[] {
  return part.events.flatMap((event): TimedEvent[] => {
    if (event.type === 'invalid' || event.type === 'crashed')
      return [{ ...event, reason: `${named(part)}: ${event.reason}` }];
    return event.type === 'interrupted' ? [{ ...event, by: `${event.by} (${named(part)})` }] : [];
  });
}

/** Why a generator's own share of the load means nothing; among the others' requests it would not show. */
function generatorTroubles(part: Part): TimedEvent[] {
  const { plan, events, records } = part;
  const load = loadCounts(plan.load.engine, records, events);
  const run = factsOf(plan, events, records);
  return GENERATOR_GATES.flatMap(gate => gate(run, load)).map(reason => ({
    atMs: 0,
    type: 'invalid',
    guard: 'generator',
    reason: `${named(part)}: ${reason}`,
  }));
}

/** What is of one machine: its replicas, such as a fault proxy that died, and its samples. */
function loneEvents(part: Part): TimedEvent[] {
  return part.events.flatMap((event): TimedEvent[] =>
    event.type === 'replica' ? [{ ...event, replica: `${event.replica} (${named(part)})` }] : [],
  );
}

/** One life of a fault out of those that the segments saw of it. */
function faultEvents(id: string, parts: readonly Part[]): TimedEvent[] {
  const steps = parts
    .filter(({ plan }) => plan.faults.some(fault => fault.id === id && injects(plan, fault)))
    .map(part => {
      const outcome = faultOutcomes(part.plan, part.events).find(({ plan }) => plan.id === id)!;
      const own = part.events.filter(event => event.type === 'fault').filter(event => event.id === id);
      return { part, outcome, own };
    });
  const told = (step: string) =>
    steps.flatMap(({ part, own }) =>
      own.filter(event => event.step === step).map(event => ({ ...event, evidence: sayer(part, event.evidence) })),
    );
  // `seenMs` is when, where it was seen before it was written down.
  const one = (step: 'injected' | 'bit' | 'heal' | 'healed', pick: (...times: number[]) => number): TimedEvent[] => {
    const events = told(step);
    if (events.length === 0) return [];
    const evidence = events.map(event => event.evidence).filter(text => text !== '');
    const seenMs = pick(...events.map(event => event.seenMs ?? event.atMs));
    const atMs = pick(...events.map(event => event.atMs));
    return [{ ...events[0]!, atMs, seenMs, evidence: evidence.join('; '), ...attackRequests(events) }];
  };
  const allBit = steps.every(({ outcome }) => outcome.bitAtMs !== null);
  const allHealed = steps.every(({ outcome }) => outcome.injectedAtMs === null || outcome.healedAtMs !== null);
  return [
    ...one('injected', Math.min),
    ...(allBit ? one('bit', Math.min) : told('never-bit')),
    ...told('failed'),
    ...one('heal', Math.min),
    ...(allHealed ? one('healed', Math.max) : told('not-healed')),
  ];
}

/** Each segment has its own attackers. */
function attackRequests(events: readonly { readonly requests?: AttackRequests }[]) {
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

function sayer(part: Part, evidence: string): string {
  return evidence === '' ? '' : `${named(part)}: ${evidence}`;
}

/** The generators together; nothing where one of them never reported. */
function loadEvent(parts: readonly Part[], atMs: number): TimedEvent[] {
  const summaries = parts.flatMap(({ events }) => events.filter(event => event.type === 'load'));
  if (summaries.length < parts.length) return [];
  return [{ atMs, type: 'load', summary: sumSummaries(summaries.map(({ summary }) => summary)) }];
}
