import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../harness/clock.ts';
import type { Outcome } from '../../harness/requests.ts';
import { until } from '../until.ts';
import { type Fixture, outcomesOf, type RigOptions, rig, runLoad, startFixture, startLoad } from './rig.ts';

// Each row causes one outcome in every request and no other, and the same load on a healthy path of the same server is all
// `ok`: the outcome is the server's doing and not the client's.
const rows: { path: string; outcome: Outcome; status: number; tokens: number; options?: Partial<RigOptions> }[] = [
  { path: 'resets-before-answer', outcome: 'reset', status: 0, tokens: 0 },
  { path: 'closes-before-answer', outcome: 'reset', status: 0, tokens: 0 },
  { path: 'resets-mid-stream', outcome: 'reset', status: 200, tokens: 1 },
  { path: 'never-answers', outcome: 'idle-timeout', status: 0, tokens: 0, options: { idleTimeoutMs: 800 } },
  { path: 'falls-silent', outcome: 'idle-timeout', status: 200, tokens: 1, options: { idleTimeoutMs: 800 } },
  {
    path: 'never-answers',
    outcome: 'first-token-timeout',
    status: 0,
    tokens: 0,
    options: { firstTokenTimeoutMs: 800 },
  },
  {
    path: 'only-comments',
    outcome: 'first-token-timeout',
    status: 200,
    tokens: 0,
    options: { firstTokenTimeoutMs: 800 },
  },
  {
    path: 'comments-after-a-token',
    outcome: 'idle-timeout',
    status: 200,
    tokens: 1,
    options: { firstTokenTimeoutMs: 9000, idleTimeoutMs: 800 },
  },
  { path: 'without-a-token', outcome: 'empty', status: 200, tokens: 0 },
  { path: 'gives-up', outcome: 'engine-abort', status: 200, tokens: 1 },
  { path: 'answers-503', outcome: 'http-status', status: 503, tokens: 0 },
  { path: 'answers-503-for-ever', outcome: 'http-status', status: 503, tokens: 0 },
  { path: 'redirects', outcome: 'http-status', status: 302, tokens: 0 },
  { path: 'redirects-for-ever', outcome: 'http-status', status: 307, tokens: 0 },
  { path: 'redirects-elsewhere', outcome: 'http-status', status: 307, tokens: 0 },
  { path: 'ends-without-done', outcome: 'truncated', status: 200, tokens: 1 },
  { path: 'closes-mid-stream', outcome: 'truncated', status: 200, tokens: 1 },
  { path: 'closes-last-stream', outcome: 'truncated', status: 200, tokens: 1 },
  { path: 'sends-error-event', outcome: 'truncated', status: 200, tokens: 1 },
  { path: 'sends-error-object', outcome: 'truncated', status: 200, tokens: 1 },
  { path: 'sends-broken-json', outcome: 'malformed', status: 200, tokens: 0 },
  { path: 'sends-other-shape', outcome: 'malformed', status: 200, tokens: 0 },
  { path: 'sends-html', outcome: 'malformed', status: 200, tokens: 0 },
  { path: 'speaks-no-http', outcome: 'malformed', status: 0, tokens: 0 },
];

const few = { perSecond: 40, forMs: 250 };

describe('every way in which a request can end', () => {
  let server: Fixture;
  beforeAll(async () => {
    server = await startFixture('answers-badly.ts');
  });
  afterAll(() => server[Symbol.asyncDispose]());

  it.concurrent.each(rows)(
    '$path: $outcome',
    { timeout: 15_000 },
    async ({ path, outcome, status, tokens, options }) => {
      const bad = await runLoad({ ...few, ...options, targets: [`${server.said}/${path}`] });
      expect(outcomesOf(bad.records)).toEqual({ [outcome]: 10 });
      for (const record of bad.records) {
        expect(record).toMatchObject({ status, outputTokens: tokens });
        expect(record.firstTokenMs === null).toBe(tokens === 0);
      }
      expect(bad.progress).toMatchObject({ sent: 10, completed: 0, failed: 10, inFlight: 0 });
      const kind = outcome === 'http-status' ? `http-${status}` : outcome;
      const failures = bad.summary.notes?.filter(({ type }) => type === 'failure');
      expect(failures).toEqual([
        expect.objectContaining({ name: kind, count: 10, example: expect.stringMatching(/./) }),
      ]);
    },
  );

  it.concurrent('healthy: ok, with tokens, stage, upstream and gaps', { timeout: 15_000 }, async () => {
    const { records, progress } = await runLoad({ ...few, idleTimeoutMs: 800, targets: [`${server.said}/healthy`] });
    expect(outcomesOf(records)).toEqual({ ok: 10 });
    expect(records[0]).toMatchObject({ status: 200, outputTokens: 2, stage: 'steady', upstream: 'fixture-1' });
    // On a busy machine both tokens of a response may arrive in one read, within which there is no gap.
    for (const { gaps, reads } of records) expect(gaps).toHaveLength(reads === 2 ? 2 : 0);
    expect(records.some(({ reads }) => reads === 2)).toBe(true);
    expect(progress).toMatchObject({ sent: 10, completed: 10, failed: 0, dropped: 0 });
  });

  it.concurrent.each([307, 308])('%i within the origin: followed, and told', { timeout: 15_000 }, async status => {
    const path = `redirects-${status}`;
    const { records, summary } = await runLoad({ perSecond: 10, targets: [`${server.said}/${path}`] });
    expect(outcomesOf(records)).toEqual({ ok: 10 });
    const [note] = summary.notes!.filter(({ name }) => name === 'redirected');
    expect(note!.example).toContain(
      `/${path}/v1/chat/completions is redirected (${status}) to /healthy/v1/chat/completions`,
    );
    // What has moved for good is left alone from then on; in any case connections are kept.
    if (status === 307) expect(note!.count).toBe(10);
    else expect(note!.count).toBeLessThan(5);
    expect(summary.connections!.opened).toBeLessThan(10);
  });

  it('a redirect to another origin: a failure that says so', { timeout: 15_000 }, async () => {
    const { summary } = await runLoad({ ...few, targets: [`${server.said}/redirects-elsewhere`] });
    const [note] = summary.notes!.filter(({ type }) => type === 'failure');
    expect(note).toMatchObject({ name: 'http-307', example: expect.stringMatching(/llm\.invalid.*another origin/) });
  });

  it.concurrent('refused, where nobody listens', { timeout: 15_000 }, async () => {
    const gone = await startFixture('answers-badly.ts');
    const targets = [`${gone.said}/healthy`];
    expect(outcomesOf((await runLoad({ ...few, targets })).records)).toEqual({ ok: 10 });
    await gone[Symbol.asyncDispose]();
    expect(outcomesOf((await runLoad({ ...few, targets })).records)).toEqual({ 'connection-refused': 10 });
  });

  it.concurrent('connect-timeout, where nobody accepts; no earlier and not much later than the limit', {
    timeout: 15_000,
  }, async () => {
    await using silent = await startFixture('never-accepts.ts');
    const { records } = await runLoad({ ...few, connectTimeoutMs: 300, targets: [silent.said] });
    expect(outcomesOf(records)).toEqual({ 'connect-timeout': 10 });
    for (const { endMs, sentMs } of records) {
      expect(endMs - sentMs!).toBeGreaterThanOrEqual(299);
      expect(endMs - sentMs!).toBeLessThan(1500);
    }
  });

  it.concurrent('truncated exactly as often as the server truncated: 3 %', { timeout: 20_000 }, async () => {
    const targets = [`${server.said}/truncates-3-percent`];
    const { records } = await runLoad({ perSecond: 250, forMs: 4000, targets });
    const counts = (await (await fetch(`${server.said}/counts`)).json()) as { truncated: number };
    expect(counts.truncated).toBe(30);
    expect(outcomesOf(records)).toEqual({ ok: 970, truncated: 30 });
  });
});

describe('a keep-alive connection that the server closes', () => {
  it('is no failure when nothing came on it: the request is sent once more, and its record says so', {
    timeout: 15_000,
  }, async () => {
    await using server = await startFixture('answers-badly.ts');
    const { records, summary } = await runLoad({
      perSecond: 20,
      targets: [`${server.said}/closes-used-connection`],
    });
    const counts = (await (await fetch(`${server.said}/counts`)).json()) as { resent: number };
    const resent = records.filter(record => record.resent);
    expect(outcomesOf(records)).toEqual({ ok: 20 });
    expect(resent.length).toBeGreaterThan(3);
    expect(resent.length).toBe(counts.resent);
    // Each second request of a connection meets its end, and gets another one.
    expect(summary.connections).toMatchObject({ opened: 20, maxRequests: 1 });
    // What it cost stands in its latency.
    expect(Math.max(...resent.map(({ endMs, scheduledMs }) => endMs - scheduledMs))).toBeGreaterThan(490);
  });

  it('is a failure when the server had worked on it for more than a second', { timeout: 15_000 }, async () => {
    await using server = await startFixture('answers-badly.ts');
    const { records } = await runLoad({
      perSecond: 5,
      forMs: 2000,
      targets: [`${server.said}/dies-working-on-used-connection`],
    });
    const { ok = 0, reset = 0, ...others } = outcomesOf(records);
    expect(others).toEqual({});
    expect(ok + reset).toBe(10);
    expect(reset).toBeGreaterThanOrEqual(3);
    for (const record of records.filter(({ outcome }) => outcome === 'reset')) {
      expect(record.endMs - record.sentMs!).toBeGreaterThan(1000);
      expect(record.resent).toBeUndefined();
    }
  });

  it('hides no death: what a killed server had begun fails, once resent and refused', { timeout: 15_000 }, async () => {
    const server = await startFixture('answers-badly.ts');
    using prepared = rig({ perSecond: 80, forMs: 2000, targets: [`${server.said}/answers-late`] });
    await using load = await startLoad(prepared.job);
    // Then there are connections that have been used, and requests on them that wait, however late the machine is.
    await until(() => load.progress().completed >= 40);
    await server[Symbol.asyncDispose]();
    const deadMs = systemClock.nowMs() - load.startAtMs;
    await load.done;
    const records = await prepared.records();
    // None completes after the kill. Those that waited for their first byte are resent, where their connection had been used before.
    const after = outcomesOf(records.filter(({ endMs }) => endMs > deadMs));
    expect(after.ok).toBeUndefined();
    expect(after['connection-refused']).toBeGreaterThanOrEqual(10);
    expect(records.filter(({ resent, outcome }) => resent && outcome === 'connection-refused').length).toBeGreaterThan(
      1,
    );
    expect(records.some(({ resent, outcome }) => resent && outcome === 'ok')).toBe(false);
  });
});
