import { expect, test } from 'vitest';
import type { TimedEvent } from '../../../harness/history.ts';
import type { RequestRecord } from '../../../harness/requests.ts';
import { judge } from '../../../reports/judge/judge.ts';
import { renderHtml } from '../../../reports/render/html/render-html.ts';
import { renderMarkdown } from '../../../reports/render/markdown.ts';
import { historyOf, planOf, type RequestChanges, steadyLoad } from '../runs.ts';

function judgedRun(objectives: readonly string[], records: readonly RequestRecord[]) {
  const slos = objectives.map(objective => ({ name: objective, window: 'whole', objective }));
  return judge({ events: historyOf(planOf({ slos })), records }).document;
}
const judged = (objective: string, records: readonly RequestRecord[]) => judgedRun([objective], records).slos[0]!;

/** First token after 100 ms, then `tokens` in all until the last one `spanMs` later, in that many frames and reads. */
const stream = (tokens: number, spanMs: number, frames = tokens, reads = frames) =>
  steadyLoad(scheduledMs => streamed(scheduledMs, tokens, spanMs, frames, reads));
function streamed(
  scheduledMs: number,
  tokens: number,
  spanMs: number,
  frames = tokens,
  reads = frames,
): RequestChanges {
  const more = { outputTokens: tokens, frames, reads, lastTokenMs: scheduledMs + 100 + spanMs };
  return { latencyMs: 100 + spanMs, gapsMs: new Array(Math.max(0, reads - 1)).fill(spanMs / (reads - 1)), more };
}

test('the time per output token is (last − first) / (tokens − 1), whatever the frames', () => {
  // 33 tokens in 800 ms are 25 ms each, one at a time or eight to a frame.
  for (const frames of [33, 5]) {
    const records = stream(33, 800, frames);
    expect(judged('p95(tpot) <= 26 ms', records)).toMatchObject({ verdict: 'pass', measured: 25, unit: 'ms' });
    expect(judged('p95(tpot) <= 24 ms', records)).toMatchObject({ verdict: 'fail' });
    expect(judged('max(tpot) <= 24 ms', records)).toMatchObject({ verdict: 'fail' });
    expect(judged('p5(user-throughput) >= 39/s', records)).toMatchObject({ verdict: 'pass', measured: 40, unit: '/s' });
    expect(judged('p5(user-throughput) >= 41/s', records)).toMatchObject({ verdict: 'fail' });
    expect(judgedRun([], records).windows.find(({ name }) => name === 'whole')!.tpotMs).toMatchObject({
      p50: 25,
      max: 25,
    });
  }
});

test('a single token has no time per token, and a dead request counts as slower than every other', () => {
  const single = steadyLoad((ms, i) => (i % 2 === 0 ? streamed(ms, 1, 0) : streamed(ms, 33, 800)));
  expect(judged('p95(tpot) <= 26 ms', single)).toMatchObject({ verdict: 'pass', samples: 300 });
  const dead = steadyLoad((ms, i) => (i % 10 === 0 ? { outcome: 'reset' } : streamed(ms, 33, 800)));
  expect(judged('p95(tpot) <= 1 h', dead)).toMatchObject({ verdict: 'fail', measured: null });
  expect(judged('p5(user-throughput) >= 1/h', dead)).toMatchObject({
    verdict: 'fail',
    measured: 0,
    survivors: { without: 60, measured: 40 },
  });
});

test('throughput in tokens counts those of completed responses within the window', () => {
  // 10 requests a second with 33 tokens each.
  expect(judged('throughput(output-tokens) >= 320/s', stream(33, 800))).toMatchObject({ verdict: 'pass', unit: '/s' });
  expect(judged('throughput(output-tokens) >= 340/s', stream(33, 800)).verdict).toBe('fail');
  const cut = steadyLoad((ms, i) =>
    i % 2 === 0 ? { ...streamed(ms, 33, 800), outcome: 'truncated' } : streamed(ms, 33, 800),
  );
  expect(judged('throughput(output-tokens) >= 170/s', cut).verdict).toBe('fail');
  // Half of the tokens of a response of 60 s fall into the last half minute, and half after the window.
  const long = [
    { ...stream(1000, 60_000)[0]!, scheduledMs: 29_900, firstTokenMs: 30_000, lastTokenMs: 90_000, endMs: 90_000 },
  ];
  expect(judged('throughput(output-tokens) >= 1/s', long).measured).toBeCloseTo(500 / 60, 1);
});

test.each([
  ['all at once', 40, 40, 1],
  ['in two reads', 40, 40, 2],
  ['in one frame', 40, 1, 1],
  ['two tokens in one read', 2, 2, 1],
])('responses that arrive %s decide nothing about gaps and times per token', (_, tokens, frames, reads) => {
  const records = stream(tokens, 0.02, frames, reads);
  for (const objective of ['p95(itl) <= 1 s', 'max(itl) <= 1 s', 'p95(tpot) <= 1 s', 'p5(user-throughput) >= 1/h']) {
    const found = judged(objective, records);
    expect(found).toMatchObject({ verdict: 'inconclusive', measured: null });
    expect(found.reason).toMatch(
      /^Buffered: 600 of 600 responses \(100%\) arrived in one or two reads.*proxy_buffering off/,
    );
  }
  const slow = judged('slowdown(p90(itl), load:steady) <= 3', records);
  expect(slow).toMatchObject({ verdict: 'inconclusive', reason: expect.stringMatching(/^Buffered/) });
  expect(judged('p95(ttft) <= 200 ms', records).verdict).toBe('pass');
  expect(judgedRun([], records).warnings).toEqual([expect.stringMatching(/^Buffered: 600 of 600/)]);
});

test.each([
  [
    'a few that were buffered',
    steadyLoad((ms, i) => (i % 3 === 0 ? streamed(ms, 40, 0.02, 40, 1) : streamed(ms, 40, 400))),
  ],
  ['short ones', stream(2, 20)],
  ['those of records that do not say', steadyLoad()],
])('%s are judged', (_, records) => {
  expect(judged('p95(itl) <= 30 ms', records).verdict).toBe('pass');
  expect(judgedRun([], records).warnings).toEqual([]);
});

test('tokens in bundles are told of beside their gaps, which flatter or frighten', () => {
  // Eight tokens to a read, every 200 ms: 25 ms each.
  const records = stream(400, 9975, 400, 50);
  const found = judged('p95(itl) <= 300 ms', records);
  expect(found.reason).toContain('Tokens arrived in bundles, 8 to a read on average');
  expect(found.reason).toContain('`tpot`');
  expect(judged('p95(tpot) <= 26 ms', records)).toMatchObject({
    verdict: 'pass',
    reason: expect.not.stringContaining('bundle'),
  });
  expect(judged('p95(itl) <= 30 ms', stream(40, 400)).reason).not.toContain('bundle');
  expect(judgedRun([], records).windows.at(-1)).toMatchObject({ tokensPerRead: 8 });
});

const prompts = (planned: number, counted: number, cached?: number) =>
  steadyLoad(() => ({
    more: {
      promptTokens: planned,
      usedPromptTokens: counted,
      ...(cached !== undefined && { cachedPromptTokens: cached }),
    },
  }));

test('prompts stand in the report as planned and as the server counted them', () => {
  const { load, warnings } = judgedRun([], prompts(100, 109, 20));
  expect(load.promptTokens).toEqual({ requests: 600, planned: 60_000, counted: 65_400, cached: 12_000 });
  expect(warnings).toEqual([]);
  expect(judgedRun([], steadyLoad()).load).not.toHaveProperty('promptTokens');
});

test.each([
  [111, '11% more than the 60000 planned'],
  [80, '20% fewer than the 60000 planned'],
])('prompts of %d tokens instead of 100 are warned of', (counted, words) => {
  expect(judgedRun([], prompts(100, counted)).warnings).toEqual([expect.stringContaining(words)]);
});

/** The engines count that `hits` of a thousand tokens a second were cached. */
const counters = (hits: number): TimedEvent[] =>
  Array.from({ length: 60 }, (_, second) => ({
    ...{ atMs: second * 1000 + 500, type: 'sample', seenMs: second * 1000 + 500 },
    readings: { a: { cacheQueries: second * 1000, cacheHits: second * hits } },
  }));

test.each([
  // 33 of 200 tokens are more than a tenth, and more than a chat template.
  [33, 200, 1],
  [20, 200, 0],
  [32, 200, 0],
  // Short prompts are warned of when most of them is cached.
  [9, 16, 1],
  [7, 16, 0],
])('%d cached tokens of a prompt of %d make %d warnings', (cached, counted, warnings) => {
  expect(judgedRun([], prompts(counted, counted, cached)).warnings).toHaveLength(warnings);
});

test('the counters of the engines warn of a warm cache where the server reports no usage of it', () => {
  const warned = (hits: number, records = steadyLoad()) =>
    judge({ events: historyOf(planOf(), ...counters(hits)), records }).document;
  expect(warned(900).warnings).toEqual([expect.stringMatching(/^90% .* by their counters/)]);
  expect(warned(900).prefixCache).toEqual({ queries: 59_000, hits: 53_100 });
  expect(warned(50).warnings).toEqual([]);
  // Usage tells of this run's requests alone.
  expect(warned(900, prompts(100, 100, 0)).warnings).toEqual([]);
  for (const render of [renderMarkdown, renderHtml])
    expect(render(judge({ events: historyOf(planOf(), ...counters(900)), records: steadyLoad() }))).toContain(
      '53100 of 59000 tokens (90%)',
    );
});

test('a warm prefix cache is warned of, unless the workload shares prompts', () => {
  expect(judgedRun([], prompts(100, 100, 99)).warnings).toEqual([
    expect.stringContaining("99% of the prompt tokens came from the server's prefix cache"),
  ]);
  const { load } = planOf();
  const workload = { ...load.workload, kind: 'chat' as const, duplicates: { ratio: 0.5, distinct: 2 } };
  const shared = planOf({ load: { ...load, workload: workload as never } });
  expect(judge({ events: historyOf(shared), records: prompts(100, 100, 99) }).document.warnings).toEqual([]);
});
