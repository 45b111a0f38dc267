import { describe, expect, it } from 'vitest';
import { autocannonEngine } from '../../load/autocannon/engine.ts';
import { outcomesOf, runLoad, startFixture } from './rig.ts';

const engine = autocannonEngine;
const probe = { perSecond: 0, forMs: 1500, connections: 4, idleTimeoutMs: 1000 };

describe('a probe by autocannon', () => {
  // 4 connections and answers after 1 s: 4 in the first second, 4 in the next half, whatever the service could do.
  it('has no more in flight than it has connections', { timeout: 30_000 }, async () => {
    await using server = await startFixture('answers-badly.ts');
    const options = { ...probe, idleTimeoutMs: 5000, targets: [`${server.said}/answers-slowly`] };
    const { records } = await runLoad(options, { engine });
    expect(outcomesOf(records)).toEqual({ ok: 8 });
  });

  it('sends as soon as it is answered, and reads the answers', { timeout: 30_000 }, async () => {
    await using server = await startFixture('streams-lognormal.ts', '20', '0');
    const { records, summary } = await runLoad({ ...probe, warmUpMs: 500, targets: [server.said] }, { engine });
    expect(Object.keys(outcomesOf(records))).toEqual(['ok']);
    // Each takes at least 25 ms: 4 × 2 s / 25 ms = 320 at most.
    expect(records.length).toBeLessThanOrEqual(320);
    expect(records.length).toBeGreaterThan(60);
    expect(records.every(record => record.endMs - record.sentMs! >= 24 && record.outputTokens === 4)).toBe(true);
    expect(records.every(record => record.sentMs === record.scheduledMs && record.upstream === 'fixture-1')).toBe(true);
    expect(summary.cpuMs).toBeGreaterThan(0);
  });

  it.concurrent.each([
    ['resets-before-answer', 'reset'],
    ['closes-before-answer', 'reset'],
    ['never-answers', 'idle-timeout'],
    ['answers-503', 'http-status'],
    ['sends-html', 'malformed'],
    ['ends-without-done', 'truncated'],
    ['redirects', 'http-status'],
    ['sends-error-event', 'truncated'],
    ['sends-broken-json', 'malformed'],
  ])('calls %s %s', { timeout: 30_000 }, async (path, outcome) => {
    await using server = await startFixture('answers-badly.ts');
    const { records } = await runLoad({ ...probe, forMs: 500, targets: [`${server.said}/${path}`] }, { engine });
    expect(Object.keys(outcomesOf(records))).toEqual([outcome]);
  });

  it.concurrent.each(['closes-mid-stream', 'resets-mid-stream', 'falls-silent', 'answers-503-for-ever'])(
    'is over where an answer %s',
    { timeout: 30_000 },
    async path => {
      await using server = await startFixture('answers-badly.ts');
      const options = { ...probe, forMs: 20_000, targets: [`${server.said}/${path}`] };
      await expect(runLoad(options, { engine })).rejects.toMatchObject({ code: 'PROBE_UNRELIABLE' });
    },
  );

  it.concurrent('gives up where nobody listens', { timeout: 30_000 }, async () => {
    const options = { ...probe, forMs: 20_000, targets: ['http://127.0.0.1:9'] };
    await expect(runLoad(options, { engine })).rejects.toMatchObject({
      code: 'NOTHING_TO_PROBE',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });
});
