import pino from 'pino';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { Deadlines } from '../../../../stack/gateway/forward/deadlines.ts';
import type { SharedBuckets, TakeResult } from '../../../../stack/gateway/limits/bucket.ts';
import { type LimitsConfig, limitsSchema } from '../../../../stack/gateway/limits/config.ts';
import { LimitMetrics } from '../../../../stack/gateway/limits/limit-metrics.ts';
import { Limiter } from '../../../../stack/gateway/limits/limiter.ts';
import { LocalBuckets } from '../../../../stack/gateway/limits/local-buckets.ts';
import { FakeClock } from '../../../fake-clock.ts';

/** Store in virtual time that allows everything and replies as `reply` says. */
class ScriptedStore implements SharedBuckets {
  reply: 'at once' | 'never' | 'error' = 'at once';
  calls = 0;
  reconnects = 0;
  disconnect = () => {};
  open(onDisconnect: () => void): void {
    this.disconnect = onDisconnect;
  }
  take(names: readonly string[]): Promise<TakeResult> {
    this.calls += 1;
    if (this.reply === 'never') return new Promise(() => {});
    if (this.reply === 'error') return Promise.reject(new Error('OOM'));
    return Promise.resolve({ allowed: true, levels: names.map(() => 6_000_000) });
  }
  reconnect(): void {
    this.reconnects += 1;
  }
  close(): void {}
}

/** Limiter connected to its store, and a function that lets time pass. */
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

/** Decision on one request within `limitMs` of virtual time, and how long it took. */
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

test('a silent store delays three requests by 50 to 80 ms and no others, and is reconnected', async () => {
  const rig = await connected();
  rig.store.reply = 'never';
  for (let request = 0; request < 3; request += 1) {
    const { outcome, tookMs } = await within(500, rig);
    expect(outcome).toMatchObject({ allowed: true, limit: 1000 });
    expect(tookMs).toBeGreaterThanOrEqual(50);
    expect(tookMs).toBeLessThanOrEqual(80);
  }
  const callsBefore = rig.store.calls;
  for (let request = 0; request < 5; request += 1) expect((await within(500, rig)).tookMs).toBe(0);
  expect(rig.store.calls).toBe(callsBefore);
  expect([await rig.fallbacks('timeout'), await rig.fallbacks('down')]).toEqual([3, 5]);
  // A probe every 100 ms that times out after a second: at least two in three seconds.
  await rig.pass(3000);
  expect(rig.store.reconnects).toBeGreaterThanOrEqual(2);
  expect(rig.store.reconnects).toBeLessThanOrEqual(3);
  rig.limiter[Symbol.dispose]();
});

test('errors count like timeouts but without the delay; two fast probes bring the store up', async () => {
  const rig = await connected();
  rig.store.reply = 'error';
  for (let request = 0; request < 4; request += 1) expect((await within(500, rig)).tookMs).toBe(0);
  expect([await rig.fallbacks('error'), await rig.fallbacks('down')]).toEqual([3, 1]);
  rig.store.reply = 'at once';
  await rig.pass(110);
  await within(10, rig);
  expect(await rig.fallbacks('down')).toBe(2);
  await rig.pass(110);
  await within(10, rig);
  expect(await rig.fallbacks('down')).toBe(2);
  rig.limiter[Symbol.dispose]();
});

test('a lost connection takes effect at once', async () => {
  const rig = await connected();
  rig.store.reply = 'never';
  rig.store.disconnect();
  expect((await within(500, rig)).tookMs).toBe(0);
  expect(await rig.fallbacks('down')).toBe(1);
  rig.limiter[Symbol.dispose]();
});

test('an outage grants no second burst, since local buckets are kept up to date', async () => {
  // One of two gateways gets half of a burst of 10.
  const rig = await connected({ perKey: { perMinute: 60, burst: 10 }, replicas: 2 });
  for (let request = 0; request < 5; request += 1) await within(10, rig);
  rig.store.disconnect();
  expect((await within(10, rig)).outcome).toMatchObject({ allowed: false, limit: 60, remaining: 0, resetMs: 2000 });
  // Counter-check: a gateway without earlier requests has its whole burst.
  const fresh = await connected({ perKey: { perMinute: 60, burst: 10 }, replicas: 2 });
  fresh.store.disconnect();
  expect((await within(10, fresh)).outcome).toMatchObject({ allowed: true, remaining: 4 });
  for (const { limiter } of [rig, fresh]) limiter[Symbol.dispose]();
});

test('full buckets are removed', () => {
  const buckets = new LocalBuckets();
  const rules = [{ limit: 10, periodMs: 1000, burst: 5 }];
  for (let caller = 0; caller < 1000; caller += 1) buckets.take([`key:${caller}`], rules, 20_000);
  expect(buckets.size).toBe(1000);
  buckets.take(['key:last'], rules, 30_000.5);
  expect(buckets.size).toBe(1);
});
