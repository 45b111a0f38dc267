import { describe, expect, it } from 'vitest';
import type { Ramp } from '../../../harness/arrivals/arrivals.ts';
import { type RequestRecord, requestIdOf } from '../../../harness/requests.ts';
import { k6Engine } from '../../../load/k6/engine.ts';
import { findK6 } from '../../../load/k6/program/find.ts';
import { promptOf } from '../../../load/request/prompt.ts';
import { Users } from '../../../load/stream/users.ts';
import { workloads } from '../../../scenarios/load/workloads.ts';
import { missing } from '../../require.ts';
import { outcomesOf, quantile, rig, runLoad, startFixture, startLoad } from '../rig.ts';

const reason = missing('k6', (await findK6()) !== undefined);
const engine = k6Engine();

interface Truth {
  readonly index: number;
  readonly arrivedMs: number;
  readonly writtenMs: number;
  readonly endedMs: number;
  readonly drawnMs: number;
}

const crowd = (name: string, fromMs: number, toMs: number, fromUsers: number, toUsers: number): Ramp => ({
  ...{ name, fromMs, toMs, fromPerSecond: 0, toPerSecond: 0, fromUsers, toUsers },
});

async function truthOf(url: string): Promise<Truth[]> {
  return (await (await fetch(`${url}/truth`)).json()) as Truth[];
}

describe.skipIf(Boolean(reason))(`k6 ${reason || ''}`, () => {
  // The server notes on the machine's monotonic clock when each request arrived and when it ended the response. Sent before it arrived
  // and ended after the server ended it are floors that no noise can break. A busy machine delays the end for k6 as it delays the
  // server's timers, whose lateness is an independent witness.
  it('counts and times the same requests as the server', { timeout: 60_000 }, async () => {
    await using server = await startFixture('streams-lognormal.ts', '80', '0.6');
    const options = { perSecond: 100, forMs: 4000, warmUpMs: 1000, maxInFlight: 200, targets: [server.said] };
    const { startAtMs, records, progress, summary } = await runLoad(options, { engine });
    const truth = new Map((await truthOf(server.said)).map(entry => [entry.index, entry]));
    expect(outcomesOf(records)).toEqual({ ok: 500 });
    expect(truth.size).toBe(500);
    expect(progress).toMatchObject({ sent: 500, completed: 500, failed: 0, dropped: 0, inFlight: 0 });

    const ordered = records.toSorted((a, b) => a.index - b.index);
    expect(ordered.map(({ index }) => index)).toEqual([...Array(500).keys()]);
    // k6 gets its users ready before its first iteration, which on a busy machine takes hundreds of ms and delays the whole load. The
    // first record shows by how much; the warm-up lacks what its rate gives in that time, and at most what is sent 100 ms late.
    const lateMs = ordered[0]!.sentMs! + 1000;
    expect(lateMs).toBeGreaterThan(-1);
    const warmUp = ordered.filter(({ stage }) => stage === 'warm-up').length;
    expect(warmUp).toBeGreaterThanOrEqual(Math.floor(90 - lateMs / 10));
    expect(warmUp).toBeLessThanOrEqual(101);
    for (const record of ordered) {
      const { arrivedMs, endedMs } = truth.get(record.index)!;
      expect(record.sentMs!).toBeGreaterThanOrEqual(record.scheduledMs);
      expect(record.stage).toBe(record.scheduledMs < 0 ? 'warm-up' : 'steady');
      expect(record.sentMs! + startAtMs).toBeLessThan(arrivedMs + 1);
      expect(record.endMs + startAtMs).toBeGreaterThan(endedMs - 1);
      expect(record).toMatchObject({ outputTokens: 4, upstream: 'fixture-1', status: 200, firstTokenMs: null });
    }
    const errors = ordered.map(({ index, endMs }) => endMs + startAtMs - truth.get(index)!.endedMs);
    const timerLateMs = [...truth.values()].map(one => one.writtenMs - one.arrivedMs - one.drawnMs);
    expect(quantile(errors, 0.5)).toBeLessThan(10 + 2 * quantile(timerLateMs, 0.9));
    expect(summary.cpuMs).toBeGreaterThan(50);
    expect(summary.wallMs).toBeGreaterThan(4900);
    expect(summary.peakRssBytes).toBeGreaterThan(60e6);
  });

  // 10 in flight for 1 s each: of 50 arrivals a second 10 are sent and 40 dropped.
  it('drops and records what finds every virtual user busy', { timeout: 30_000 }, async () => {
    await using server = await startFixture('answers-badly.ts');
    const targets = [`${server.said}/answers-slowly`];
    const { records } = await runLoad({ perSecond: 50, forMs: 2800, maxInFlight: 10, targets }, { engine });
    const { ok = 0, dropped = 0 } = outcomesOf(records);
    expect(ok + dropped).toBe(140);
    expect(ok).toBeGreaterThanOrEqual(20);
    expect(ok).toBeLessThanOrEqual(31);
    expect(records.filter(({ outcome }) => outcome === 'dropped').every(({ sentMs }) => sentMs === null)).toBe(true);
    expect(new Set(records.map(({ index }) => index)).size).toBe(140);
  });

  // 3 users for 2 ramps: the first has 2 of them, the second 1. Left to itself k6 would deal arrivals in the same ratio.
  it('drops only of its own ramp, whose bound is its part', { timeout: 60_000 }, async () => {
    await using server = await startFixture('answers-badly.ts');
    const options = { perSecond: 20, forMs: 4000, maxInFlight: 3, targets: [`${server.said}/answers-slowly`] };
    const runs = await Promise.all(
      [0, 1].map(async first => {
        using prepared = rig(options);
        await using load = await startLoad({ ...prepared.job, partition: { first, step: 2 } }, { engine });
        expect((await load.done).requests).toBe(40);
        return await prepared.records();
      }),
    );
    for (const [first, records] of runs.entries()) {
      const indexes = records.map(({ index }) => index).sort((a, b) => a - b);
      expect(indexes).toEqual(Array.from({ length: 40 }, (_, nth) => first + 2 * nth));
      // A user answers once a second, and sends at the next arrival of its ramp.
      const { ok = 0 } = outcomesOf(records);
      expect(ok).toBeGreaterThanOrEqual(first === 0 ? 5 : 3);
      expect(ok).toBeLessThanOrEqual(first === 0 ? 8 : 4);
    }
  });

  // 5 users warm up, up to 30 come over two seconds, 10 of them stay for one more. What they send follows from the seed and the
  // instants at which they had their answers, as with the streaming client, to a rounding of the records.
  it('drives the users of a closed loop, who come, think and go', { timeout: 60_000 }, async () => {
    await using server = await startFixture('streams-lognormal.ts', '20', '0');
    const ramps = [crowd('warm-up', -1000, 0, 5, 5), crowd('ramp', 0, 2000, 0, 30), crowd('stay', 2000, 3000, 10, 10)];
    const arrivals = { kind: 'closed', thinkTimeMs: [100, 300] } as const;
    const options = { ramps, arrivals, maxInFlight: 40, targets: [server.said], warmUpMs: 1000, seed: 5 };
    const { records, summary, progress } = await runLoad(options, { engine });
    expect(outcomesOf(records)).toEqual({ ok: (await truthOf(server.said)).length });
    expect(records.map(({ index }) => index).toSorted((a, b) => a - b)).toEqual([...records.keys()]);
    expect(summary.requests).toBe(records.length);
    expect(progress).toMatchObject({ completed: records.length, failed: 0, dropped: 0, inFlight: 0 });

    const left = new Set(records);
    const promptTokensOf = (index: number) => promptOf(workloads['chat-short'], 5, index).promptTokens;
    const users = new Users({ ramps, thinkTimeMs: arrivals.thinkTimeMs, seed: 5 });
    for (const { user, dueMs } of users.first()) {
      let beforeMs: number | null = null;
      let nextMs: number | null = dueMs;
      for (let index = user - 1; nextMs !== null; index += 30) {
        const isNext = (record: RequestRecord) =>
          Math.abs(record.scheduledMs - nextMs!) < 0.0015 && record.promptTokens === promptTokensOf(index);
        const record = [...left].find(isNext);
        if (!record) throw new Error(`user ${user} meant to send at ${nextMs} ms, and there is no record of it`);
        left.delete(record);
        expect(requestIdOf(record, 'load-test')).toBe(`squall-load-test-${index}`);
        if (beforeMs !== null) expect(record.scheduledMs - beforeMs).toBeGreaterThanOrEqual(100 - 0.01);
        expect(record.sentMs!).toBeGreaterThanOrEqual(record.scheduledMs - 0.001);
        beforeMs = record.scheduledMs >= 2000 ? record.endMs : null;
        nextMs = users.nextMs(user, record.endMs);
        if (beforeMs !== null && nextMs !== null) expect(nextMs - beforeMs).toBeLessThanOrEqual(300);
      }
    }
    expect([...left]).toEqual([]);

    for (const { scheduledMs, sentMs, stage } of records) {
      const now = ramps.findLast(({ fromMs }) => fromMs <= scheduledMs)!;
      expect(stage).toBe(now.name);
      // Who went may still wait for an answer.
      const inFlight = records.filter(
        other => other.stage === stage && other.sentMs! <= sentMs! && other.endMs > sentMs!,
      );
      const partition = (sentMs! - now.fromMs) / (now.toMs - now.fromMs);
      expect(inFlight.length).toBeLessThanOrEqual(now.fromUsers! + (now.toUsers! - now.fromUsers!) * partition + 1e-6);
    }
  });
});
