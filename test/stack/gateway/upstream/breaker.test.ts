import { describe, expect, it, test } from 'vitest';
import { seededRandom } from '../../../../harness/random.ts';
import { parseGatewayConfig } from '../../../../stack/gateway/config.ts';
import {
  type Breaker,
  type BreakerOptions,
  type BreakerOutcome,
  breakerState,
  enter,
  failedRatio,
  isPassable,
  leave,
  newBreaker,
  recordAtBreaker,
} from '../../../../stack/gateway/upstream/breaker.ts';

const OPTIONS: BreakerOptions = {
  ...{ consecutiveTimeouts: 5, errorRatio: 0.5, minRequests: 20, windowMs: 10_000, openMs: 30_000, trialRequests: 3 },
};
const OUTCOMES: Record<string, BreakerOutcome> = { t: 'timeout', e: 'error', s: 'success' };

/** Sends attempts one after the other from `fromMs`, one each 10 ms: (t)imeout, (e)rror, (s)uccess. Returns what changed. */
function attempts(breaker: Breaker, outcomes: string, fromMs = 0, options = OPTIONS): string[] {
  return [...outcomes].flatMap((letter, index) => {
    const nowMs = fromMs + 10 * index;
    const entered = enter(options, breaker, nowMs);
    leave(breaker, entered.ticket);
    const recorded = recordAtBreaker(options, breaker, OUTCOMES[letter]!, entered.ticket, nowMs);
    return [entered.change, recorded].flatMap(change => (change ? [`${change.to}: ${change.reason}`] : []));
  });
}

describe('a closed breaker', () => {
  test.each([
    // five timeouts in a row
    ['ttttt', ['open: 5 consecutive timeouts']],
    ['tttt', []],
    ['ttttst', []],
    // an error between two timeouts does not count, nor does it end the row
    ['tteettt', ['open: 5 consecutive timeouts']],
    // half of at least twenty
    ['es'.repeat(10), []],
    [`${'se'.repeat(9)}s`, []],
    ['se'.repeat(10), ['open: 10 of 20 requests failed within 10 s']],
    ['e'.repeat(19), []],
    ['e'.repeat(20), ['open: 20 of 20 requests failed within 10 s']],
    [`${'s'.repeat(100)}${'e'.repeat(99)}`, []],
    ['s'.repeat(100), []],
  ])('after %s', (outcomes, changes) => {
    expect(attempts(newBreaker(), outcomes)).toEqual(changes);
  });

  it('forgets what is older than its window', () => {
    const breaker = newBreaker();
    attempts(breaker, 'e'.repeat(19));
    expect(attempts(breaker, 'e', 10_500)).toEqual([]);
    expect(failedRatio(OPTIONS, breaker, 10_600)).toBe(1);
    expect(failedRatio(OPTIONS, breaker, 30_000)).toBe(0);
  });
});

describe('an open breaker', () => {
  const opened = () => {
    const breaker = newBreaker();
    attempts(breaker, 'ttttt');
    return breaker;
  };
  // The fifth attempt was at 40 ms.
  const READY = 30_040;

  it('lets nothing pass for 30 s, and is half-open then', () => {
    const breaker = opened();
    for (const [nowMs, passable] of [
      [40, false],
      [READY - 1, false],
      [READY, true],
    ] as const) {
      expect(isPassable(OPTIONS, breaker, nowMs)).toBe(passable);
      expect(breakerState(breaker, nowMs)).toBe(passable ? 'half-open' : 'open');
    }
  });

  it('is not changed by attempts that bypass it or began before', () => {
    const breaker = opened();
    expect(attempts(breaker, 's'.repeat(50), 100)).toEqual([]);
    expect(breakerState(breaker, 700)).toBe('open');
  });

  it('closes once all trials succeed, and has forgotten its errors', () => {
    const breaker = opened();
    expect(attempts(breaker, 'ss', READY)).toEqual(['half-open: 30 s are over']);
    expect(attempts(breaker, 's', READY + 50)).toEqual(['closed: 3 trial requests succeeded']);
    expect(attempts(breaker, 'tttt', READY + 100)).toEqual([]);
    expect(failedRatio(OPTIONS, breaker, READY + 200)).toBe(1);
  });

  it.each(['e', 't', 'se', 'sst'])('opens again after trials %s, for another 30 s', outcomes => {
    const breaker = opened();
    const changes = attempts(breaker, outcomes, READY);
    expect(changes[0]).toBe('half-open: 30 s are over');
    expect(changes[1]).toMatch(/^open: a trial request failed \((error|timeout)\)$/);
    expect(isPassable(OPTIONS, breaker, READY + 29_000)).toBe(false);
    expect(isPassable(OPTIONS, breaker, READY + 30_050)).toBe(true);
  });

  it('has no more trials in flight than it may, and gives back the place of one that is cancelled', () => {
    const breaker = opened();
    const tickets = [0, 1, 2].map(() => enter(OPTIONS, breaker, READY).ticket);
    expect(tickets.every(ticket => ticket !== undefined)).toBe(true);
    expect(isPassable(OPTIONS, breaker, READY)).toBe(false);
    expect(enter(OPTIONS, breaker, READY).ticket).toBeUndefined();
    leave(breaker, tickets[0]);
    expect(isPassable(OPTIONS, breaker, READY)).toBe(true);
  });

  it('ignores trials of a period that is over', () => {
    const breaker = opened();
    const [first, second] = [0, 1].map(() => enter(OPTIONS, breaker, READY).ticket);
    leave(breaker, first);
    expect(recordAtBreaker(OPTIONS, breaker, 'error', first, READY)?.to).toBe('open');
    leave(breaker, second);
    expect(recordAtBreaker(OPTIONS, breaker, 'success', second, READY)).toBeUndefined();
    expect(breaker.trialsInFlight).toBe(0);
    expect(isPassable(OPTIONS, breaker, READY + 29_999)).toBe(false);
  });
});

it('keeps its promises over 10,000 random histories', () => {
  const random = seededRandom(3);
  for (let history = 0; history < 10_000; history++) {
    const breaker = newBreaker();
    const inFlight: { ticket: number | undefined; period: number }[] = [];
    let nowMs = 0;
    let openUntilMs = 0;
    for (let step = 0; step < 30; step++) {
      nowMs += random.next() < 0.1 ? 31_000 : Math.floor(1000 * random.next());
      if (inFlight.length === 0 || random.next() < 0.5) {
        const passable = isPassable(OPTIONS, breaker, nowMs);
        if (nowMs < openUntilMs) expect(passable).toBe(false);
        const { ticket, change } = enter(OPTIONS, breaker, nowMs);
        if (change) expect(change.to).toBe('half-open');
        if (!passable) expect(ticket).toBeUndefined();
        inFlight.push({ ticket, period: breaker.period });
      } else {
        const [{ ticket }] = inFlight.splice(Math.floor(inFlight.length * random.next()), 1) as unknown as [
          { ticket: number | undefined },
        ];
        leave(breaker, ticket);
        const outcome = (['success', 'error', 'timeout'] as const)[Math.floor(3 * random.next())]!;
        const before = breakerState(breaker, nowMs);
        const change = recordAtBreaker(OPTIONS, breaker, outcome, ticket, nowMs);
        if (change?.to === 'open') openUntilMs = nowMs + OPTIONS.openMs;
        if (change?.to === 'closed') expect(before).toBe('half-open');
        if (outcome === 'success') expect(change?.to).not.toBe('open');
      }
      expect(breaker.trialsInFlight).toBeGreaterThanOrEqual(0);
      expect(breaker.trialsInFlight + breaker.trialsPassed).toBeLessThanOrEqual(OPTIONS.trialRequests);
    }
  }
});

test.each([
  [{ consecutiveTimeouts: 0 }, /consecutiveTimeouts/],
  [{ errorRatio: 0 }, /errorRatio/],
  [{ errorRatio: 1.5 }, /errorRatio/],
  [{ trialRequests: 0 }, /trialRequests/],
  [{ openMs: 0 }, /openMs/],
  [{ halfOpen: 1 }, /halfOpen/],
])('a configuration with %o is rejected by name', (breaker, field) => {
  const upstreams = [{ name: 'a', url: 'http://127.0.0.1:1' }];
  expect(() => parseGatewayConfig(JSON.stringify({ upstreams, breaker }))).toThrow(field);
  expect(() => parseGatewayConfig(JSON.stringify({ upstreams, breaker: {} }))).not.toThrow();
});
