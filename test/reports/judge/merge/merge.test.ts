import { describe, expect, it } from 'vitest';
import type { TimedEvent } from '../../../../harness/history.ts';
import { judge } from '../../../../reports/judge/judge.ts';
import { mergeRuns } from '../../../../reports/judge/merge/merge.ts';
import { type Part, requireComplete } from '../../../../reports/judge/merge/segments.ts';
import { all, type Changes, clock, faultEvents, part, RECORDS, summary, WHOLE_PLAN } from '../../parts.ts';
import { historyOf } from '../../runs.ts';

const environment = { id: 'merged', startedAt: '2026-01-02T03:04:05.678Z', machine: {}, versions: {} };
const judged = (parts: readonly Part[]) => {
  const { events, records } = mergeRuns(requireComplete(parts), environment);
  return judge({ events, records: [...records] });
};

const alone = judge({
  events: historyOf(
    WHOLE_PLAN,
    ...faultEvents('slow', 5000, 5000),
    ...faultEvents('kill', 20_000, 10_000),
    summary(6000),
  ),
  records: RECORDS,
});

describe('the union of all segments', () => {
  it('sums the requests of all attackers', () => {
    const rejecting = (part: Part, rejected: number): Part => ({
      ...part,
      events: part.events.map(event =>
        isStep('healed')(event) ? ({ ...event, requests: { ended: 10, rejected } } as TimedEvent) : event,
      ),
    });
    const { events } = mergeRuns(requireComplete(all(3).map(rejecting)), environment);
    expect(events.find(isStep('healed'))).toMatchObject({ requests: { ended: 30, rejected: 0 + 1 + 2 } });
  });

  it.each([1, 2, 3, 7])('of %i is judged exactly as one run of the same records', of => {
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

  it('attributes observations to segments, and sums the usage of the generators', () => {
    const { document } = judged(all(3));
    expect(document.faults[0]!.evidence).toContain(
      'segment 1: effective seen; segment 2: effective seen; segment 3: effective seen',
    );
    expect(document.faults[1]!.evidence).not.toContain('segment 2');
    expect(document.load.cpuCores).toBeCloseTo(6000 / 62_000, 3);
    expect(mergeRuns(requireComplete(all(3)), environment).events).toContainEqual(
      expect.objectContaining({ type: 'load', summary: expect.objectContaining({ requests: 150 }) }),
    );
  });

  it('is not judged from one segment', () => {
    const { events, records } = part(2, 3);
    const { document } = judge({ events, records });
    expect(document).toMatchObject({ verdict: 'inconclusive', exitCode: 2 });
    expect(document.reasons[0]).toMatch(/segment 2 of 3.*squall merge/);
  });
});

const INVALID: TimedEvent = { atMs: 0, type: 'invalid', guard: 'steady-state', reason: 'no answers' };
const never = (id: string): TimedEvent => ({ atMs: 6000, type: 'fault', id, step: 'no-effect', evidence: 'no effect' });
const notHealed: TimedEvent = { atMs: 15_000, type: 'fault', id: 'slow', step: 'not-healed', evidence: 'still slow' };
const isStep = (step: string) => (event: TimedEvent) =>
  event.type === 'fault' && event.id === 'slow' && event.step === step;

/** Problem of segment 2 of 3, and the reason that the union must give for it. */
const PROBLEMS: readonly [string, Changes, string, RegExp][] = [
  ['found no steady state', { extra: [INVALID] }, 'invalid', /segment 2: no answers/],
  [
    'did not observe an effect on its link',
    { extra: [never('slow')], without: isStep('effective') },
    'invalid',
    /had no observable effect: segment 2/,
  ],
  [
    'did not observe the recovery of its link',
    { extra: [notHealed], without: isStep('healed') },
    'invalid',
    /Recovery .* not observed: segment 2/,
  ],
  ['was killed', { without: event => event.type === 'phase' && event.phase === 'done' }, 'invalid', /was killed/],
  ['was suspended', { extra: clock(30_000) }, 'invalid', /segment 2: The wall clock jumped forward by 30 s/],
  [
    'ran out of CPU headroom',
    { extra: [summary(61_000)], without: event => event.type === 'load' && event.summary.cpuMs === 2000 },
    'invalid',
    /The busiest generator used 98.4% of its cores/,
  ],
  [
    'sent late, but few of all requests',
    {
      records: part(2, 3).records.map((record, i) =>
        i % 50 === 40 ? { ...record, sentMs: record.sentMs! + 5000 } : record,
      ),
    },
    'invalid',
    /segment 2: P99 send lateness 5 s/,
  ],
  ['lost a record', { records: part(2, 3).records.slice(1) }, 'invalid', /1 of 620 arrivals left no record/],
  ['started two seconds late', { zeroLateMs: 2000 }, 'invalid', /2 s apart.*--start-at/],
  [
    'was interrupted',
    { extra: [{ atMs: 50_000, type: 'interrupted', by: 'SIGINT' }] },
    'inconclusive',
    /SIGINT \(segment 2\)/,
  ],
];

describe('a segment that', () => {
  it.each(PROBLEMS)('%s invalidates the union', (_, changes, verdict, reason) => {
    const { document } = judged([part(1, 3), part(2, 3, changes), part(3, 3)]);
    expect(document.verdict).toBe(verdict);
    expect(document.reasons.join('\n')).toMatch(reason);
  });

  it('started slightly late does not invalidate it', () => {
    const { document } = judged([part(1, 3), part(2, 3, { zeroLateMs: 900 }), part(3, 3)]);
    expect(document).toMatchObject({ verdict: alone.document.verdict, spreadMs: 900 });
  });
});
