import pino from 'pino';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { FakeClock } from '../../../../harness/clock.ts';
import { Deadlines } from '../../../../stack/gateway/forward/deadlines.ts';
import type { Taken } from '../../../../stack/gateway/limits/bucket.ts';
import { type LimitsConfig, limitsSchema } from '../../../../stack/gateway/limits/config.ts';
import { LimitMetrics } from '../../../../stack/gateway/limits/limit-metrics.ts';
import { Limiter } from '../../../../stack/gateway/limits/limiter.ts';
import { LocalBuckets } from '../../../../stack/gateway/limits/local-buckets.ts';
import type { SharedBuckets } from '../../../../stack/gateway/limits/shared-buckets.ts';

/** A store in virtual time. It allows everything, the way `answer` says. */
class ScriptedStore implements SharedBuckets {
  answer: 'at once' | 'never' | 'error' = 'at once';
  asked = 0;
  reconnects = 0;
  lost = () => {};
  open(lost: () => void): void {
    this.lost = lost;
  }
  take(names: readonly string[]): Promise<Taken> {
    this.asked += 1;
    if (this.answer === 'never') return new Promise(() => {});
    if (this.answer === 'error') return Promise.reject(new Error('OOM'));
    return Promise.resolve({ allowed: true, levels: names.map(() => 6_000_000) });
  }
  reconnect(): void {
    this.reconnects += 1;
  }
  close(): void {}
}

/** A limiter that is connected to its store, and a way to let time pass. */
async function connected(config: object = {}) {
  const clock = new FakeClock(1000);
  const store = new ScriptedStore();
  const registry = new Registry();
  const limiter = new Limiter({
    config: limitsSchema.parse({ redis: { url: 'redis://a' }, global: 'off', ...config }) as LimitsConfig,
    clock,
    deadlines: new Deadlines(clock),
    metrics: new LimitMetrics(registry),
    log: pino({ enabled: false }),
    shared: store,
  });
  const pass = async (durationMs: number) => {
    for (let passed = 0; passed < durationMs; passed += 10) {
      await clock.advance(10);
      await new Promise(setImmediate);
    }
  };
  const fallbacks = async (reason: string) => {
    const { values } = (await registry.getSingleMetric('gateway_limits_fallbacks_total')!.get()) as {
      values: { value: number; labels: { reason?: string } }[];
    };
    return values.find(({ labels }) => labels.reason === reason)!.value;
  };
  limiter.start();
  await pass(250);
  return { clock, store, limiter, pass, fallbacks };
}

/** What a request gets within `limitMs` of virtual time, and after how long. */
async function within(limitMs: number, rig: Awaited<ReturnType<typeof connected>>) {
  const startMs = rig.clock.nowMs();
  let outcome: unknown;
  void Promise.resolve(rig.limiter.take('someone')).then(decision => {
    outcome = decision;
  });
  await new Promise(setImmediate);
  while (outcome === undefined && rig.clock.nowMs() - startMs < limitMs) await rig.pass(10);
  return { outcome, tookMs: rig.clock.nowMs() - startMs };
}

test('a silent store costs three requests 50 to 80 ms each, the rest nothing, and gets a new connection', async () => {
  const rig = await connected();
  rig.store.answer = 'never';
  for (let request = 0; request < 3; request += 1) {
    const { outcome, tookMs } = await within(500, rig);
    expect(outcome).toMatchObject({ allowed: true, limit: 1000 });
    expect(tookMs).toBeGreaterThanOrEqual(50);
    expect(tookMs).toBeLessThanOrEqual(80);
  }
  const askedBefore = rig.store.asked;
  for (let request = 0; request < 5; request += 1) expect((await within(500, rig)).tookMs).toBe(0);
  expect(rig.store.asked).toBe(askedBefore);
  expect([await rig.fallbacks('timeout'), await rig.fallbacks('away')]).toEqual([3, 5]);
  // A probe each 100 ms that waits for a second: at least two in three seconds.
  await rig.pass(3000);
  expect(rig.store.reconnects).toBeGreaterThanOrEqual(2);
  expect(rig.store.reconnects).toBeLessThanOrEqual(3);
  rig.limiter[Symbol.dispose]();
});

test('errors count like silence, without the wait; two quick probes bring the store back', async () => {
  const rig = await connected();
  rig.store.answer = 'error';
  for (let request = 0; request < 4; request += 1) expect((await within(500, rig)).tookMs).toBe(0);
  expect([await rig.fallbacks('error'), await rig.fallbacks('away')]).toEqual([3, 1]);
  rig.store.answer = 'at once';
  await rig.pass(110);
  await within(10, rig);
  expect(await rig.fallbacks('away')).toBe(2);
  await rig.pass(110);
  await within(10, rig);
  expect(await rig.fallbacks('away')).toBe(2);
  rig.limiter[Symbol.dispose]();
});

test('a lost connection is known at once', async () => {
  const rig = await connected();
  rig.store.answer = 'never';
  rig.store.lost();
  expect((await within(500, rig)).tookMs).toBe(0);
  expect(await rig.fallbacks('away')).toBe(1);
  rig.limiter[Symbol.dispose]();
});

test("an outage hands out no second burst: the gateway's own share ran along", async () => {
  // Half of a burst of 10 is the share of one of two gateways.
  const rig = await connected({ perKey: { perMinute: 60, burst: 10 }, replicas: 2 });
  for (let request = 0; request < 5; request += 1) await within(10, rig);
  rig.store.lost();
  expect((await within(10, rig)).outcome).toMatchObject({ allowed: false, limit: 60, remaining: 0, resetMs: 2000 });
  // The counterpart: a gateway that judged nothing before has its whole share.
  const fresh = await connected({ perKey: { perMinute: 60, burst: 10 }, replicas: 2 });
  fresh.store.lost();
  expect((await within(10, fresh)).outcome).toMatchObject({ allowed: true, remaining: 4 });
  for (const { limiter } of [rig, fresh]) limiter[Symbol.dispose]();
});

test('buckets that are full again are forgotten', () => {
  const buckets = new LocalBuckets();
  const rules = [{ limit: 10, periodMs: 1000, burst: 5 }];
  for (let caller = 0; caller < 1000; caller += 1) buckets.take([`key:${caller}`], rules, 20_000);
  expect(buckets.size).toBe(1000);
  buckets.take(['key:last'], rules, 30_000.5);
  expect(buckets.size).toBe(1);
});
