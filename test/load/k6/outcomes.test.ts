import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { k6Engine } from '../../../load/k6/engine.ts';
import { findK6 } from '../../../load/k6/program/find.ts';
import { missing } from '../../require.ts';
import { until } from '../../until.ts';
import { outcomesOf, rig, runLoad, startFixture, startLoad } from '../rig.ts';

const reason = missing('k6', (await findK6()) !== undefined);
const engine = k6Engine();

function scriptOf(name: string): string {
  return fileURLToPath(new URL(`../fixtures/k6/${name}`, import.meta.url));
}

// What is measured, and so needs the machine for itself, is in engine.test.ts.
(reason ? describe.skip : describe.concurrent)(`how requests by k6 end ${reason || ''}`, () => {
  it.each([
    ['healthy', 'ok', 200],
    ['resets-before-answer', 'reset', 0],
    ['closes-before-answer', 'reset', 0],
    ['never-answers', 'idle-timeout', 0],
    ['answers-503', 'http-status', 503],
    ['redirects', 'http-status', 302],
    ['ends-without-done', 'truncated', 200],
    ['sends-error-event', 'truncated', 200],
    ['sends-broken-json', 'malformed', 200],
    ['sends-html', 'malformed', 200],
    ['speaks-no-http', 'malformed', 0],
  ] as const)('calls %s %s, as the streaming client does', { timeout: 30_000 }, async (path, outcome, status) => {
    await using server = await startFixture('answers-badly.ts');
    const options = { perSecond: 20, forMs: 300, maxInFlight: 20, idleTimeoutMs: 700 };
    const { records } = await runLoad({ ...options, targets: [`${server.said}/${path}`] }, { engine });
    expect(outcomesOf(records)).toEqual({ [outcome]: 6 });
    expect(records.every(record => record.status === status)).toBe(true);
  });

  it.each([
    ['nobody listens', 'http://127.0.0.1:9'],
    ['the name does not resolve', 'http://nowhere.invalid'],
  ])('records refusals when %s', { timeout: 30_000 }, async (_, target) => {
    const { records } = await runLoad({ perSecond: 20, forMs: 500, maxInFlight: 20, targets: [target] }, { engine });
    expect(outcomesOf(records)).toEqual({ 'connection-refused': 10 });
  });

  // All 20 are in flight or think when it ends; nobody wakes up to send at the last moment.
  it('cuts users short when it is stopped', { timeout: 30_000 }, async () => {
    await using server = await startFixture('answers-badly.ts');
    const arrivals = { kind: 'closed', thinkTimeMs: [0, 4000] } as const;
    const users = { fromUsers: 20, toUsers: 20, fromPerSecond: 0, toPerSecond: 0 };
    const ramps = [{ name: 'crowd', fromMs: 0, toMs: 60_000, ...users }];
    using prepared = rig({ ramps, arrivals, targets: [`${server.said}/never-answers`] });
    await using load = await startLoad(prepared.job, { engine });
    await until(() => load.progress().inFlight >= 5, 9000);
    load.stop();
    const { requests } = await load.done;
    const records = await prepared.records();
    expect(outcomesOf(records)).toEqual({ interrupted: requests });
    for (const { scheduledMs, sentMs } of records) expect(sentMs!).toBeGreaterThanOrEqual(scheduledMs - 0.001);
  });

  it('records what it cuts when it is stopped', { timeout: 30_000 }, async () => {
    await using server = await startFixture('answers-badly.ts');
    using prepared = rig({ perSecond: 20, forMs: 60_000, maxInFlight: 100, targets: [`${server.said}/never-answers`] });
    await using load = await startLoad(prepared.job, { engine });
    await until(() => load.progress().inFlight >= 5, 9000);
    load.stop();
    await load.done;
    const records = await prepared.records();
    expect(Object.keys(outcomesOf(records))).toEqual(['interrupted']);
    expect(records.length).toBeGreaterThanOrEqual(5);
  });

  it.each([
    ['throws-at-start.ts', 'K6_SCRIPT_FAILED', 'no such plan'],
    ['aborts.ts', 'K6_SCRIPT_FAILED', 'nothing to do'],
    ['wants-nonsense.ts', 'K6_BAD_CONFIG', 'stage'],
  ])('says what is wrong with a script that %s', { timeout: 30_000 }, async (name, code, words) => {
    const options = { perSecond: 20, forMs: 500, maxInFlight: 5, targets: ['http://127.0.0.1:9'] };
    const failing = runLoad(options, { engine: k6Engine({ script: scriptOf(name) }) });
    await expect(failing).rejects.toMatchObject({ code, message: expect.stringContaining(words) });
    await expect(failing).rejects.toMatchObject({ kind: 'environment', next: expect.stringMatching(/./) });
  });
});

describe('without k6', () => {
  it('says so, and what to do', async () => {
    const find = { env: { PATH: '' }, toolsDirectory: '/nonexistent' };
    await expect(runLoad({ targets: ['http://127.0.0.1:9'] }, { engine: k6Engine({ find }) })).rejects.toMatchObject({
      kind: 'environment',
      code: 'K6_NOT_FOUND',
      next: expect.stringContaining('npm run tools'),
    });
  });

  it('passes over a program that only has its name', async () => {
    expect(await findK6({ env: { PATH: '', SQUALL_K6: process.execPath } })).toBeUndefined();
  });
});
