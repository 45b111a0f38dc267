import { describe } from 'vitest';
import { systemClock } from '../../../../harness/clock.ts';
import { systemNetwork } from '../../../../harness/host/network.ts';
import type { Ledger, Settlement } from '../../../../stack/gateway/accounting/ledger.ts';
import { ledgerFunctions } from '../../../../stack/gateway/accounting/ledger-scripts.ts';
import { usageLedger } from '../../../../stack/gateway/accounting/redis-ledger.ts';
import { testOnBoth } from '../fixtures/both-redis.ts';
import { countsOf } from './memory-ledger.ts';

const DAY = '2026-11-29';
/** So long that none ends during a test. */
const YEAR = { limit: 100, periodMs: 31_536_000_000, ttlMs: 60_000 };
const KEEP_MS = 60_000;

function settlement(caller: string, more: Partial<Settlement> = {}): Settlement {
  const counts = countsOf({ prompt: 3, completion: 5, microCredits: 40 });
  return { caller, day: DAY, model: 'a model', counts, reservation: undefined, periodMs: 0, ...more };
}

/** What a ledger does, the same for both: a table of calls, one after the other. */
async function conversation(ledger: Ledger): Promise<unknown[]> {
  const seen: unknown[] = [];
  while ((await ledger.usage('a', [DAY]).catch(() => undefined)) === undefined) await systemClock.sleep(5);
  seen.push(await ledger.usage('a', [DAY]), await ledger.usage('a', []));
  const reserve = async (caller: string, id: string, amount: number, limit = YEAR) => {
    const { resetMs, ...rest } = await ledger.reserve(caller, id === '' ? undefined : { id, amount }, limit);
    return [rest.isGranted, rest.used, rest.reserved, resetMs > 0 && resetMs <= limit.periodMs];
  };
  // Up to the limit, and not one more.
  seen.push(await reserve('a', 'r1', 60), await reserve('a', 'r2', 41), await reserve('a', 'r3', 40));
  seen.push(await reserve('a', '', 0), await reserve('b', '', 0));
  // What was reserved goes back, what was used counts; a number counts once, and one before it never.
  const used = settlement('a', { reservation: { id: 'r1', amount: 60 }, periodMs: YEAR.periodMs });
  await ledger.settle('gateway', 1, [used], KEEP_MS);
  await ledger.settle('gateway', 1, [used], KEEP_MS);
  seen.push(await reserve('a', '', 0));
  // Another one has numbers of its own. A reservation that is gone is not given back again.
  await ledger.settle('other', 1, [used, settlement('b', { model: 'b' })], KEEP_MS);
  await ledger.settle('gateway', 3, [settlement('a', { day: '2026-11-30', model: 'b' })], KEEP_MS);
  await ledger.settle('gateway', 2, [settlement('a')], KEEP_MS);
  seen.push(await reserve('a', '', 0), await ledger.usage('a', [DAY, '2026-11-28', '2026-11-30']));
  seen.push(await ledger.usage('b', [DAY]));
  // Without an amount.
  const free = {
    reservation: { id: 'f', amount: 0 },
    periodMs: YEAR.periodMs,
    counts: countsOf({ requests: 2 ** 40 }),
  };
  seen.push(await reserve('f', 'f', 0));
  await ledger.settle('gateway', 4, [settlement('f', free)], KEEP_MS);
  seen.push(await reserve('f', '', 0), await ledger.usage('f', [DAY]));
  // A reservation expires, and a period ends.
  seen.push(await reserve('c', 'r', 100), await reserve('c', 's', 1));
  await reserve('g', 'r', 100, { ...YEAR, ttlMs: 30 });
  await systemClock.sleep(60);
  seen.push(await reserve('g', 's', 100));
  const short = { limit: 100, periodMs: 100, ttlMs: 60_000 };
  await ledger.settle('gateway', 5, [settlement('d', { periodMs: 100 })], KEEP_MS);
  await systemClock.sleep(110);
  seen.push(await reserve('d', 't', 100, short));
  // So does the time for which usage is kept.
  await ledger.settle('gateway', 6, [settlement('e')], 30);
  await systemClock.sleep(60);
  seen.push(await ledger.usage('e', [DAY]));
  return seen;
}

const row = (day: string, model: string, times: number) => ({
  ...{ day, model },
  counts: countsOf({ requests: times, prompt: 3 * times, completion: 5 * times, microCredits: 40 * times }),
});
const EXPECTED = [
  ...[[], []],
  ...[
    [true, 0, 60, true],
    [false, 0, 60, true],
    [true, 0, 100, true],
    [true, 0, 100, true],
    [true, 0, 0, true],
  ],
  [true, 40, 40, true],
  ...[
    [false, 80, 40, true],
    [row(DAY, 'a model', 2), row('2026-11-30', 'b', 1)],
  ],
  [row(DAY, 'b', 1)],
  ...[
    [true, 0, 0, true],
    [true, 0, 0, true],
    [{ day: DAY, model: 'a model', counts: countsOf({ requests: 2 ** 40 }) }],
  ],
  ...[
    [true, 0, 100, true],
    [false, 0, 100, true],
    [true, 0, 100, true],
  ],
  [true, 0, 100, true],
  [],
];

async function tell(url: string): Promise<unknown[]> {
  const ledger = usageLedger({ url, keyPrefix: 'test:' }, systemNetwork);
  ledger.open();
  try {
    return await conversation(ledger);
  } finally {
    ledger.close();
  }
}

describe('the ledger of gateways', () => {
  testOnBoth(ledgerFunctions(), tell, EXPECTED);
});
