import { expect, test } from 'vitest';
import type { TimedEvent } from '../../../../harness/history.ts';
import { seededRandom } from '../../../../harness/random.ts';
import { isSeen } from '../../../../reports/judge/elasticity/mark.ts';
import { STAGES, spanOf } from '../../../../reports/judge/elasticity/reaction.ts';
import { restoredAfter } from '../../../../reports/judge/elasticity/restored.ts';
import { loadSteps } from '../../../../reports/judge/elasticity/steps.ts';
import {
  DELAYS,
  type Delays,
  GAP_MS,
  instantsOf,
  judged,
  SCRAPE_AGE_MS,
  STEP_MS,
  SYNC_MS,
  scriptedFacts,
} from './scripted.ts';

function up(delays: Delays = DELAYS) {
  return scriptedFacts({ delays }).reactions()[0]!;
}

const PAIRS = STAGES.map((stage, index) => [index === 0 ? 'step' : STAGES[index - 1]!, stage] as const);

test('every stage of a scripted stack is measured within the interval of its observation', () => {
  const { marks } = up();
  const at = instantsOf(DELAYS);
  const truth = {
    signal: at.risenMs,
    decided: at.decidedMs,
    started: at.startedMs,
    ready: at.readyMs,
    restored: at.calmMs,
  };
  for (const [stage, ms] of Object.entries(truth)) {
    const mark = marks[stage as keyof typeof truth];
    if (!isSeen(mark)) throw new Error(`${stage}: ${mark.why}`);
    expect(ms, stage).toBeGreaterThanOrEqual(mark.lowerMs - 1e-6);
    expect(ms, stage).toBeLessThanOrEqual(mark.upperMs + GAP_MS);
    // The signal is known to one scrape, the rest better.
    expect(mark.upperMs - mark.lowerMs, stage).toBeLessThanOrEqual(stage === 'signal' ? SYNC_MS : GAP_MS);
  }
});

test('the sum of the stages is the whole, in value and in bounds, whatever the delays', () => {
  const random = seededRandom(7);
  for (let round = 0; round < 300; round += 1) {
    const delays = {
      rise: random.next() * 10_000,
      decide: SYNC_MS * random.integer(0, 2),
      start: random.next() * 100,
      load: random.next() * 40_000,
      serve: random.next() * 500,
      calm: random.next() * 20_000,
    };
    const reaction = up(delays);
    const { risenMs, scrapedMs, calmMs } = instantsOf(delays);
    expect(reaction.marks.signal).toMatchObject({ atMs: scrapedMs, upperMs: scrapedMs });
    expect(reaction.marks.signal).toMatchObject({ lowerMs: Math.max(STEP_MS, scrapedMs - SYNC_MS) });
    expect(risenMs).toBeLessThanOrEqual(scrapedMs);
    const parts = PAIRS.map(([from, to]) => spanOf(reaction, { [from]: -1, [to]: 1 }));
    const whole = spanOf(reaction, { step: -1, restored: 1 });
    const sum = (key: 'measuredMs' | 'lowerMs' | 'upperMs') => parts.reduce((total, part) => total + part[key]!, 0);
    expect(sum('measuredMs')).toBeCloseTo(whole.measuredMs!, 6);
    // Parts know less than the whole: the instants between them are in two of them.
    expect(sum('lowerMs')).toBeLessThanOrEqual(whole.lowerMs! + 1e-6);
    expect(sum('upperMs')).toBeGreaterThanOrEqual(whole.upperMs! - 1e-6);
    // What is not one scrape and one sync of the truth would fail here.
    expect(Math.abs(whole.measuredMs! - (calmMs - STEP_MS))).toBeLessThanOrEqual(GAP_MS);
  }
});

// From step to signal 11 s, to its sync 15 s, to decided 30 s, to ready 60 s, to the first token of a slow response 61 s, and to calm 72 s, by the script.
test.each([
  ['scaling(step).restored <= 75 s', 'scaling(step).restored <= 70 s'],
  ['scaling(load:peak).signal <= 12 s', 'scaling(load:peak).decided <= 20 s'],
  ['scaling(first step).decided <= 31 s', 'scaling(first step).decided <= 29 s'],
  ['scaling(step).started <= 31 s', 'scaling(step).started <= 29 s'],
  ['scaling(step).decided->ready <= 31 s', 'scaling(step).decided->ready <= 29 s'],
  ['scaling(step).served <= 62 s', 'scaling(step).served <= 59 s'],
  ['scaling(step).decided + ready→served <= 32 s', 'scaling(step).decided + ready->served <= 30 s'],
  ['scaling(step).signal->decided <= 30 s', 'scaling(step).signal->decided <= 18 s'],
  ['scaling(fall).decided <= 16 s', 'scaling(fall).decided <= 14 s'],
])('"%s" passes and "%s" fails', (good, bad) => {
  expect(judged(good)).toMatchObject({ verdict: 'pass', unit: 'ms' });
  expect(judged(bad)).toMatchObject({ verdict: 'fail' });
});

test('a limit within the interval of the observation is undecided', () => {
  // The metric rose at 63 s: the scrape of 71 s saw it, the one used before was of 56 s, so it rose after 60 s, at the step.
  expect(judged('scaling(step).signal <= 10 s')).toMatchObject({
    verdict: 'inconclusive',
    confidence: { lower: 0, upper: 11_000 },
  });
});

test('durations are judged in production time, and both are told', () => {
  const found = judged('scaling(step).restored <= 15 min', { plan: { timeScale: 10 } });
  expect(found).toMatchObject({
    verdict: 'pass',
    reason: expect.stringMatching(/721 s in production \(72.1 s at timeScale 10\)/),
  });
  expect(judged('scaling(step).restored <= 75 s', { plan: { timeScale: 10 } })).toMatchObject({ verdict: 'fail' });
});

test.each<[string, Partial<Delays>, string, RegExp]>([
  ['nothing is decided', { decide: undefined }, 'scaling(step).decided <= 60 s', /number of replicas was not raised/],
  ['a replica is never ready', { load: undefined }, 'scaling(step).ready <= 90 s', /became ready/],
  ['a new replica serves nothing', { serve: undefined }, 'scaling(step).served <= 90 s', /served a request/],
  ['the objective stays broken', { calm: undefined }, 'scaling(step).restored <= 120 s', /did not hold again/],
])('where %s for longer than the limit it fails, and a longer limit is undecided', (_, change, text, why) => {
  const delays = { ...DELAYS, ...change };
  expect(judged(text, { delays })).toMatchObject({
    verdict: 'fail',
    measured: null,
    reason: expect.stringMatching(why),
  });
  const longer = text.replace(/<=.*/, '<= 1h');
  expect(judged(longer, { delays })).toMatchObject({ verdict: 'inconclusive', measured: null });
});

test.each([
  [
    'no log of decisions',
    'scaling(step).signal <= 1h',
    { without: event => event.type === 'decision' },
    /no autoscaler/,
  ],
  ['no name of an upstream', 'scaling(step).served <= 1h', { records: unnamed() }, /names its upstream/],
  ['no SLO that says what is restored', 'scaling(step).restored <= 1h', { plan: { slos: [] } }, /no SLO/],
  ['a target', 'scaling(step).decided <= 1h', { plan: { platform: 'external' } }, /not observed/],
] as [string, string, Parameters<typeof judged>[1], RegExp][])(
  'with %s it is undecided, and says so',
  (_, text, one, why) => {
    expect(judged(text, one)).toMatchObject({
      verdict: 'inconclusive',
      measured: null,
      reason: expect.stringMatching(why),
    });
  },
);

function unnamed() {
  return scriptedFacts().records.map(record => ({ ...record, upstream: '' }));
}

test('an empty window, or one without a step, does not pass', () => {
  expect(judged('scaling(step).restored <= 1h', { records: [] })).toMatchObject({ verdict: 'inconclusive' });
  expect(judged('scaling(step).restored <= 1h', { window: 'load:before' })).toMatchObject({ verdict: 'inconclusive' });
});

test('a step that breaks nothing is restored at once; where nothing called for replicas, other stages are undecided', () => {
  const calm = { records: scriptedFacts({ delays: { ...DELAYS, calm: -1e9 } }).records };
  expect(judged('scaling(step).restored <= 1 s', calm)).toMatchObject({ verdict: 'pass', measured: 0 });
  const quiet = { ...calm, without: (event: { type: string }) => event.type === 'decision' || event.type === 'scale' };
  expect(judged('scaling(step).ready <= 1h', quiet)).toMatchObject({
    verdict: 'inconclusive',
    reason: expect.stringContaining('No step called for another number'),
  });
});

test('a dip that returns before the next step counts as not yet restored', () => {
  const records = scriptedFacts().records.map(record =>
    record.scheduledMs >= 200_000 && record.scheduledMs < 202_000
      ? { ...record, firstTokenMs: record.scheduledMs + 900 }
      : record,
  );
  // The last of the slow ones is at 201.9 s.
  expect(judged('scaling(step).restored <= 120 s', { records })).toMatchObject({ verdict: 'fail', measured: 142_000 });
});

test('what rests on scrapes from before the step is no reaction to it', () => {
  const decision = (atMs: number, current: number, proposal: number): TimedEvent => ({
    ...{ type: 'decision', deployment: 'inference', reason: '', sampleAgeMs: SCRAPE_AGE_MS },
    ...{ atMs, current, proposal, desired: proposal },
  });
  const scale = (atMs: number, from: number, to: number): TimedEvent => ({
    ...{ type: 'scale', deployment: 'inference', from, to, reason: '', atMs },
  });
  // 2 s after the step a sync raises the number for what was scraped 2 s before it, and nothing follows.
  const one = {
    without: ({ type, atMs }: TimedEvent) => (type === 'decision' || type === 'scale') && atMs < 230_000,
    extra: [decision(STEP_MS + 2000, 3, 4), scale(STEP_MS + 2000, 3, 4), decision(STEP_MS + 17_000, 4, 4)],
  };
  expect(judged('scaling(step).restored <= 75 s', one)).toMatchObject({ verdict: 'pass' });
  expect(judged('scaling(step).decided <= 20 s', one)).toMatchObject({
    verdict: 'inconclusive',
    reason: expect.stringContaining('its metrics never called for more replicas'),
  });
  // The same a sync later is one; and what an earlier decision started is not what this one did.
  const later = [decision(STEP_MS + 17_000, 4, 5), scale(STEP_MS + 17_000, 4, 5)];
  expect(judged('scaling(step).decided <= 20 s', { ...one, extra: later })).toMatchObject({ verdict: 'pass' });
  expect(judged('scaling(step).started <= 120 s', { ...one, extra: later })).toMatchObject({
    verdict: 'fail',
    reason: expect.stringContaining('no replica was started'),
  });
});

test('a replica that was never started says what it waited for', () => {
  const pending: TimedEvent = {
    ...{ type: 'placement', replica: 'inference-4', service: 'inference', state: 'pending', gpus: 1 },
    ...{ reason: 'no GPU node is free, gpu-3 boots in 90 s', atMs: 90_000 },
  };
  const without = (event: TimedEvent) => event.type === 'replica' && event.replica === 'inference-4';
  expect(judged('scaling(step).started <= 60 s', { without, extra: [pending] })).toMatchObject({
    verdict: 'fail',
    reason: expect.stringContaining('(inference-4 is pending: no GPU node is free, gpu-3 boots in 90 s)'),
  });
});

test('in a run that was interrupted no more than what it observed is held against it', () => {
  const extra: TimedEvent[] = [{ type: 'interrupted', by: 'SIGINT', atMs: STEP_MS + 10_000 }];
  const without = ({ atMs }: TimedEvent) => atMs > STEP_MS + 10_000;
  const records = scriptedFacts().records.filter(({ scheduledMs }) => scheduledMs < STEP_MS + 10_000);
  const one = { extra, records, without };
  expect(judged('scaling(step).decided <= 20 s', one)).toMatchObject({ verdict: 'inconclusive' });
  expect(judged('scaling(step).decided <= 9 s', one)).toMatchObject({ verdict: 'fail' });
});

test.each([0.005, 0.01, 0.05, 0.1])(
  'requests that miss an objective now and then, as it allows (%f), do not keep it broken',
  allowedRatio => {
    const random = seededRandom(5);
    const name = 'ttft';
    const step = { name: 'load:peak', trigger: '', direction: 'up', atMs: 0, endMs: 100_000 } as const;
    const windows = [{ name: 'whole', fromMs: 0, toMs: 100_000 }];
    let late = 0;
    for (let round = 0; round < 100; round += 1) {
      // Broken for 10 s of 100 s, then a fifth of what is allowed.
      const records = scriptedFacts()
        .records.slice(0, 1)
        .flatMap(record =>
          Array.from({ length: 10_000 }, (_, index) => ({ ...record, index, scheduledMs: index * 10 })),
        );
      const bad = records.map(({ scheduledMs }) => scheduledMs < 10_000 || random.next() < allowedRatio / 5);
      const followed = [
        {
          text: name,
          window: 'whole',
          class: undefined,
          tally: { allowedRatio, isBad: ({ index }: { index: number }) => bad[index]! },
        },
      ];
      const { mark, broken } = restoredAfter(step, { records, windows, followed });
      expect(broken).toEqual([name]);
      if (!isSeen(mark) || mark.atMs > 10_000 + 20 / allowedRatio) late += 1;
      else expect(mark.atMs).toBeGreaterThanOrEqual(10_000);
    }
    expect(late).toBeLessThanOrEqual(15);
  },
);

test('steps are runs of the rate in one direction; a pause between makes two, small changes none', () => {
  const ramp = (name: string, fromMs: number, toMs: number, fromPerSecond: number, toPerSecond = fromPerSecond) => ({
    ...{ name, fromMs, toMs, fromPerSecond, toPerSecond },
  });
  const steps = loadSteps([
    ramp('warm-up', -2000, 0, 50),
    ramp('a', 0, 10, 10),
    ramp('b', 10, 20, 10, 30),
    ramp('c', 20, 30, 40),
    ramp('d', 30, 40, 41),
    ramp('e', 40, 50, 80),
    ramp('f', 50, 60, 80, 20),
  ]);
  expect(steps.map(({ name, direction, atMs }) => [name, direction, atMs])).toEqual([
    ['load:b', 'up', 10],
    ['load:e', 'up', 40],
    ['load:f', 'down', 50],
  ]);
});
