import { describe } from 'vitest';
import { systemClock } from '../../../../harness/clock.ts';
import { systemNetwork } from '../../../../harness/host/network.ts';
import type { DecisionStore } from '../../../../stack/gateway/release/decision.ts';
import { redisDecisions } from '../../../../stack/gateway/release/redis-store.ts';
import { decisionFunctions } from '../../../../stack/gateway/release/store-scripts.ts';
import { testOnBoth } from '../fixtures/both-redis.ts';

const MODEL = 'Qwen/Qwen3-8B “β” %s';
const DECISION = { weights: { v1: 99.5, v2: 0.5 }, primary: 'v1', reason: 'v2 is slow: 50 % “late”\n%d' };

/** What a store does, the same for both: a table of calls, one after the other. */
async function conversation(store: DecisionStore): Promise<unknown[]> {
  const seen: unknown[] = [];
  const none = Symbol('none');
  while ((await store.get(MODEL).catch(() => none)) === none) await systemClock.sleep(5);
  seen.push(await store.get(MODEL));
  const nowMs = systemClock.date().getTime();
  const decidedMs = await store.put(MODEL, DECISION);
  seen.push(Math.abs(decidedMs - nowMs) < 2000);
  const { decidedMs: read, ...decision } = (await store.get(MODEL))!;
  seen.push(read === decidedMs, decision);
  // The later of two decisions stays, and one without a time is later than all before.
  const other = { ...DECISION, primary: 'v2' };
  seen.push((await store.put(MODEL, other, decidedMs - 5)) === decidedMs, (await store.get(MODEL))!.primary);
  seen.push((await store.put(MODEL, other, decidedMs + 500)) === decidedMs + 500, (await store.get(MODEL))!.primary);
  seen.push((await store.put(MODEL, DECISION)) === decidedMs + 501, (await store.get(MODEL))!.primary);
  seen.push(await store.get('another'));
  return seen;
}

const EXPECTED = [undefined, true, true, DECISION, true, 'v1', true, 'v2', true, 'v1', undefined];

async function tell(url: string): Promise<unknown[]> {
  const store = redisDecisions({ url, keyPrefix: 'test:' }, systemNetwork);
  store.open();
  try {
    return await conversation(store);
  } finally {
    store.close();
  }
}

describe('the store of decisions that gateways share', () => {
  testOnBoth(decisionFunctions(), tell, EXPECTED);
});
