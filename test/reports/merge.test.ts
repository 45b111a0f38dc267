import { describe, expect, it } from 'vitest';
import type { TimedEvent } from '../../harness/history.ts';
import type { FaultPlan, RunPlan } from '../../harness/plan.ts';
import { seededRandom } from '../../harness/random.ts';
import type { RequestRecord } from '../../harness/requests.ts';
import { arrivalsOf, injects, shareOfSegment } from '../../harness/segment.ts';
import { judge } from '../../reports/judge.ts';
import { mergeRuns } from '../../reports/merge.ts';
import { type Part, requireComplete } from '../../reports/segments.ts';
import { historyOf, KILL, planOf, steadyLoad } from './runs.ts';

const SLOW: FaultPlan = {
  id: 'slow',
  kind: 'latency',
  target: 'client→target',
  atMs: 5000,
  forMs: 5000,
  parameters: {},
};
const SLOS = [
  { name: 'errors', window: 'whole', objective: 'errors <= 5%' },
  { name: 'slow', window: 'fault:slow', objective: 'p95(ttft) <= 400 ms' },
  { name: 'killed', window: 'fault:kill', objective: 'p90(latency) <= 2 s' },
  { name: 'too quick', window: 'whole', objective: 'p50(ttft) <= 20 ms' },
  { name: 'back', window: 'whole', objective: 'recovery(kill) <= 20 s' },
];
const WHOLE_PLAN = planOf({
  slos: SLOS,
  faults: [SLOW, KILL],
  arrivals: { count: 620, sha256: 'whole' },
  platform: 'external',
});
const random = seededRandom(5);
/** Lognormal latencies, some failures, a slow stretch: nothing that would come out the same if a record were lost or doubled. */
const RECORDS = steadyLoad(scheduledMs => {
  const ttftMs = 60 * Math.exp(0.5 * random.normal()) + (scheduledMs > 5000 && scheduledMs < 10_000 ? 250 : 0);
  const outcome = random.next() < 0.02 ? 'reset' : 'ok';
  return {
    outcome,
    ttftMs: outcome === 'ok' ? ttftMs : null,
    latencyMs: ttftMs + 300 * random.next(),
    lateMs: random.next(),
  };
});

const zeroAt = (afterMs: number) => new Date(Date.UTC(2026, 0, 2) + afterMs).toISOString();

/** A fault's life; one of a segment is a little later or earlier than another's. */
function life(id: string, atMs: number, forMs: number, { bitMs = 100, healedMs = 50 } = {}): TimedEvent[] {
  const step = (name: 'injected' | 'bit' | 'heal' | 'healed', ms: number) =>
    ({ atMs: ms, type: 'fault', id, step: name, evidence: `${name} seen` }) as const;
  return [
    step('injected', atMs),
    { ...step('bit', atMs + bitMs + 30), seenMs: atMs + bitMs },
    step('heal', atMs + forMs),
    step('healed', atMs + forMs + healedMs),
  ];
}

const summary = (cpuMs: number): TimedEvent => ({
  atMs: 60_500,
  type: 'load',
  summary: { cpuMs, wallMs: 62_000, peakRssBytes: 1e8, requests: 50, cores: 1 },
});

/** What a machine's wall clock showed at the phases; it gains `jumpMs` while driving. */
const clock = (jumpMs: number): TimedEvent[] => [
  { atMs: 0, type: 'phase', phase: 'drive', wallMs: 1_767_323_045_000 },
  { atMs: 60_000, type: 'phase', phase: 'recover', wallMs: 1_767_323_105_000 + jumpMs },
];

interface Changes {
  readonly plan?: Partial<RunPlan>;
  readonly zeroLateMs?: number;
  readonly extra?: readonly TimedEvent[];
  readonly without?: (event: TimedEvent) => boolean;
  readonly records?: readonly RequestRecord[];
}

/** Segment `index` of `of` of the whole run above. */
function part(index: number, of: number, changes: Changes = {}): Part {
  const segment = { index, of, whole: WHOLE_PLAN.arrivals! };
  const own = [
    ...arrivalsOf(
      RECORDS.map(({ scheduledMs }) => ({ atMs: scheduledMs })),
      shareOfSegment(segment),
    ),
  ];
  const plan = {
    ...WHOLE_PLAN,
    segment,
    arrivals: { count: own.length, sha256: `segment ${index}` },
    replay: `${WHOLE_PLAN.replay} --segment ${index}/${of}`,
    ...changes.plan,
  };
  // The first to bite and the last to heal decide the window of the union: those are the times of the whole run.
  const seen = { bitMs: index === 1 ? 100 : 140, healedMs: index === of ? 50 : 20 };
  const events = historyOf(
    plan,
    ...life('slow', 5000, 5000, seen),
    ...(injects(plan, KILL) ? life('kill', 20_000, 10_000) : []),
    summary(1000 * index),
    ...(changes.extra ?? []),
  );
  return {
    run: `run-${index}`,
    plan,
    events: events
      .map(event => (event.type === 'zero' ? { ...event, at: zeroAt(changes.zeroLateMs ?? 0) } : event))
      .filter(event => !changes.without?.(event)),
    records: changes.records ?? own.map(arrival => RECORDS[arrival.index]!),
  };
}

const surroundings = { id: 'merged', startedAt: '2026-01-02T03:04:05.678Z', machine: {}, versions: {} };
const all = (of: number) => Array.from({ length: of }, (_, i) => part(i + 1, of));
const judged = (parts: readonly Part[]) => judge(mergeRuns(requireComplete(parts), surroundings));

const alone = judge({
  events: historyOf(WHOLE_PLAN, ...life('slow', 5000, 5000), ...life('kill', 20_000, 10_000), summary(6000)),
  records: RECORDS,
});

describe('the union of all segments', () => {
  it('counts the requests of all attackers', () => {
    const refusing = (part: Part, refused: number): Part => ({
      ...part,
      events: part.events.map(event =>
        isStep('healed')(event) ? ({ ...event, requests: { ended: 10, refused } } as TimedEvent) : event,
      ),
    });
    const { events } = mergeRuns(requireComplete(all(3).map(refusing)), surroundings);
    expect(events.find(isStep('healed'))).toMatchObject({ requests: { ended: 30, refused: 0 + 1 + 2 } });
  });

  it.each([1, 2, 3, 7])('of %i is judged to exactly what one run of the same records is', of => {
    const merged = judged(all(of).toReversed());
    const { windows, slos, verdict, load, faults, segments, spreadMs } = merged.document;
    expect(windows).toEqual(alone.document.windows);
    expect(slos).toEqual(alone.document.slos);
    expect(slos.map(slo => slo.verdict)).toEqual(expect.arrayContaining(['pass', 'fail']));
    expect(verdict).toBe(alone.document.verdict);
    expect(merged.document.reasons).toEqual(alone.document.reasons);
    expect(merged.timeline).toEqual(alone.timeline);
    expect({ ...load, cpuCores: 0 }).toEqual({ ...alone.document.load, cpuCores: 0 });
    const bare = ({ evidence: _evidence, ...fault }: (typeof faults)[number]) => fault;
    expect(faults.map(bare)).toEqual(alone.document.faults.map(bare));
    expect(segments?.map(({ run }) => run)).toEqual(all(of).map(({ run }) => run));
    expect(spreadMs).toBe(0);
    expect(merged.document.replay).toBe(WHOLE_PLAN.replay);
  });

  it('says who saw what, and adds up what the generators took', () => {
    const { document } = judged(all(3));
    expect(document.faults[0]!.evidence).toContain('segment 1: bit seen; segment 2: bit seen; segment 3: bit seen');
    expect(document.faults[1]!.evidence).not.toContain('segment 2');
    expect(document.load.cpuCores).toBeCloseTo(6000 / 62_000, 3);
    expect(mergeRuns(requireComplete(all(3)), surroundings).events).toContainEqual(
      expect.objectContaining({ type: 'load', summary: expect.objectContaining({ requests: 150 }) }),
    );
  });

  it('is judged by no segment alone', () => {
    const { events, records } = part(2, 3);
    const { document } = judge({ events, records });
    expect(document).toMatchObject({ verdict: 'inconclusive', exitCode: 2 });
    expect(document.reasons[0]).toMatch(/segment 2 of 3.*squall merge/);
  });
});

const INVALID: TimedEvent = { atMs: 0, type: 'invalid', guard: 'steady-state', reason: 'no answers' };
const never = (id: string): TimedEvent => ({ atMs: 6000, type: 'fault', id, step: 'never-bit', evidence: 'no effect' });
const notHealed: TimedEvent = { atMs: 15_000, type: 'fault', id: 'slow', step: 'not-healed', evidence: 'still slow' };
const isStep = (step: string) => (event: TimedEvent) =>
  event.type === 'fault' && event.id === 'slow' && event.step === step;

/** What goes wrong in segment 2 of 3, and the reason that the union must then give. */
const TROUBLE: readonly [string, Changes, string, RegExp][] = [
  ['found no steady state', { extra: [INVALID] }, 'invalid', /segment 2: no answers/],
  [
    'never saw its link break',
    { extra: [never('slow')], without: isStep('bit') },
    'invalid',
    /never seen to act: segment 2/,
  ],
  [
    'never saw its link mended',
    { extra: [notHealed], without: isStep('healed') },
    'invalid',
    /never seen to heal: segment 2/,
  ],
  ['was killed', { without: event => event.type === 'phase' && event.phase === 'done' }, 'invalid', /was killed/],
  ['was suspended', { extra: clock(30_000) }, 'invalid', /segment 2: The clock jumped forward by 30 s/],
  [
    'could hardly keep up',
    { extra: [summary(61_000)], without: event => event.type === 'load' && event.summary.cpuMs === 2000 },
    'invalid',
    /The busiest generator used 98.4% of the cores/,
  ],
  [
    'sent late, though of all requests that were few',
    {
      records: part(2, 3).records.map((record, i) =>
        i % 50 === 40 ? { ...record, sentMs: record.sentMs! + 5000 } : record,
      ),
    },
    'invalid',
    /segment 2: The generator sent 5 s late at P99/,
  ],
  ['lost a record', { records: part(2, 3).records.slice(1) }, 'invalid', /1 of 620 arrivals left no record/],
  ['drove alone, two seconds late', { zeroLateMs: 2000 }, 'invalid', /2 s apart.*--zero-at/],
  [
    'was interrupted',
    { extra: [{ atMs: 50_000, type: 'interrupted', by: 'SIGINT' }] },
    'inconclusive',
    /SIGINT \(segment 2\)/,
  ],
];

describe('a segment that', () => {
  it.each(TROUBLE)('%s spoils the union', (_, changes, verdict, reason) => {
    const { document } = judged([part(1, 3), part(2, 3, changes), part(3, 3)]);
    expect(document.verdict).toBe(verdict);
    expect(document.reasons.join('\n')).toMatch(reason);
  });

  it('started a little later does not', () => {
    const { document } = judged([part(1, 3), part(2, 3, { zeroLateMs: 900 }), part(3, 3)]);
    expect(document).toMatchObject({ verdict: alone.document.verdict, spreadMs: 900 });
  });
});

const { segment: _none, ...lone } = part(1, 3).plan;
const REFUSED: readonly [string, readonly Part[], string, RegExp][] = [
  ['one that is missing', [part(1, 3), part(3, 3)], 'SEGMENT_MISSING', /one is missing: 2\/3/],
  ['two that are missing', [part(2, 3)], 'SEGMENT_MISSING', /2 are missing: 1\/3, 3\/3/],
  [
    'one that is there twice',
    [...all(3), { ...part(2, 3), run: 'again' }],
    'SEGMENT_TWICE',
    /run-2 and again both are segment 2 of 3/,
  ],
  [
    'another seed',
    [part(1, 2), part(2, 2, { plan: { seed: 9, slos: [] } })],
    'DIFFERENT_PLANS',
    /run-1.*run-2.*differ in .*seed.*slos|slos.*seed/,
  ],
  [
    'another schedule',
    [part(1, 2), part(2, 2, { plan: { segment: { index: 2, of: 2, whole: { count: 620, sha256: 'x' } } } })],
    'DIFFERENT_PLANS',
    /arrivals/,
  ],
  [
    'another number of segments',
    [part(1, 3), part(2, 2)],
    'DIFFERENT_PLANS',
    /run-1 is one of 3 segments, run-2 one of 2/,
  ],
  ['a run that drove alone', [part(1, 3), { ...part(2, 3), plan: lone }], 'NOT_A_SEGMENT', /run-2/],
  [
    'records of another share',
    [part(1, 2), part(2, 2, { records: part(1, 2).records })],
    'FOREIGN_RECORD',
    /run-2.*arrival 0/,
  ],
  [
    'a record twice',
    [part(1, 2), part(2, 2, { records: [RECORDS[1]!, RECORDS[1]!] })],
    'FOREIGN_RECORD',
    /run-2.*two records/,
  ],
];

describe('what cannot be merged', () => {
  it.each(REFUSED)('%s is refused, by name', (_, parts, code, message) => {
    expect(() => requireComplete(parts)).toThrow(
      expect.objectContaining({ kind: 'option', code, next: expect.any(String) }),
    );
    expect(() => requireComplete(parts)).toThrow(message);
  });

  it('does not depend on how many processes a machine used', () => {
    const busy = part(2, 2, {
      plan: {
        load: { ...WHOLE_PLAN.load, workers: 4 },
        replay: 'npx squall run example --seed 1 --workers 4 --segment 2/2',
      },
    });
    expect(requireComplete([part(1, 2), busy])).toHaveLength(2);
  });

  it('does not depend on how each was started', () => {
    const elsewhere = part(2, 2, { plan: { replay: 'npx squall run ../there/example.yaml --seed 1 --segment 2/2' } });
    expect(requireComplete([part(1, 2), elsewhere])).toHaveLength(2);
  });

  it('does not depend on where a machine keeps the trace, but on what is in it', () => {
    const columns = { time: 't', promptTokens: 'p', outputTokens: 'o' };
    const trace = { columns, timeUnit: 's', fromMs: 0, toMs: 1000, speed: 1 } as const;
    const replaying = (index: number, file: string, sha256: string) =>
      part(index, 2, { plan: { load: { ...WHOLE_PLAN.load, trace: { ...trace, file, sha256 } } } });
    const first = replaying(1, '/here/azure.csv', 'same');
    expect(requireComplete([first, replaying(2, '/there/azure.csv', 'same')])).toHaveLength(2);
    expect(() => requireComplete([first, replaying(2, '/here/azure.csv', 'other')])).toThrow(/differ in load/);
  });
});
