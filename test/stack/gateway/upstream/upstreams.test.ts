import { expect, test } from 'vitest';
import { seededRandom } from '../../../../harness/random.ts';
import { roundRobin } from '../../../../stack/gateway/balancing/balancer.ts';
import type { Exchange } from '../../../../stack/gateway/http/exchange.ts';
import type { BreakerOptions } from '../../../../stack/gateway/upstream/breaker.ts';
import type { Transport } from '../../../../stack/gateway/upstream/transport.ts';
import { UpstreamSet } from '../../../../stack/gateway/upstream/upstreams.ts';

const transport: Transport = {
  send: () => ({ cancel: () => {}, pause: () => {}, resume: () => {} }),
  close: async () => {},
};
/** None of the policies here look at the request. */
const exchange = {} as Exchange;
const ejection = { consecutiveFailures: 1, baseMs: 1000, maxMs: 1000, maxEjectedRatio: 1, forgetMs: 1000 };

/** One letter per upstream: (u)sable, (e)jected until at least 1000 ms, (f)ailing its health checks, (n)ever checked. */
function build(states: string, breaker: 'off' | BreakerOptions = 'off'): UpstreamSet {
  const upstreams = [...states].map((state, index) => ({ name: `${state}${index}`, transport }));
  const random = seededRandom(1);
  const set = new UpstreamSet({ upstreams, balancer: roundRobin(), ejection, breaker, activeChecks: true, random });
  for (const upstream of set.all) {
    const state = upstream.name[0];
    if (state !== 'n') upstream.health = { health: state === 'f' ? 'unhealthy' : 'healthy', contradictions: 0 };
    if (state === 'e') set.record(upstream, false, 0);
  }
  return set;
}

test.each([
  // states, already tried, three consecutive picks
  ['uuu', '', 'u0 u1 u2'],
  ['ueu', '', 'u0 u2 u0'],
  ['ufn', '', 'u0 u0 u0'],
  ['uuu', 'u0', 'u1 u2 u1'],
  ['uu', 'u0 u1', 'u0 u1 u0'],
  ['ue', 'u0', 'u0 u0 u0'],
  ['ee', '', 'e0 e1 e0'],
  ['ef', '', 'e0 e0 e0'],
  ['fn', '', 'none none none'],
  ['', '', 'none none none'],
])('from %j with [%s] already tried it picks %s', (states, tried, expected) => {
  const set = build(states);
  const excluded = set.all.filter(upstream => tried.split(' ').includes(upstream.name));
  const picks = [1, 2, 3].map(() => set.pick(500, excluded, exchange)?.name ?? 'none');
  expect(picks.join(' ')).toBe(expected);
  expect(set.hasUsable()).toBe(expected !== 'none none none');
});

test('reports the state of each upstream', () => {
  const set = build('uefn');
  const states = set.all.map(upstream => set.stateOf(upstream, 500));
  expect(states).toEqual(['usable', 'ejected', 'unhealthy', 'unknown']);
  const later = build('e');
  expect(later.all.map(upstream => later.stateOf(upstream, 2000))).toEqual(['usable']);
});

const breaker: BreakerOptions = {
  ...{ consecutiveTimeouts: 1, errorRatio: 0.5, minRequests: 2, windowMs: 10_000, openMs: 1000, trialRequests: 1 },
};

test('picks no upstream whose breaker is open, but for trials', () => {
  const set = build('uuu', breaker);
  const [first] = set.all;
  expect(set.recordAtBreaker(first!, 'timeout', undefined, 0)?.to).toBe('open');
  expect([1, 2, 3].map(() => set.pick(500, [], exchange)?.name)).not.toContain('u0');
  expect(set.stateOf(first!, 500)).toBe('open');
  expect([1, 2, 3].map(() => set.pick(1000, [], exchange)?.name)).toContain('u0');
  const { ticket } = set.enter(first!, 1000);
  expect([1, 2, 3].map(() => set.pick(1000, [], exchange)?.name)).not.toContain('u0');
  set.leave(first!, ticket);
  expect(set.recordAtBreaker(first!, 'success', ticket, 1100)?.to).toBe('closed');
  expect([1, 2, 3].map(() => set.pick(1200, [], exchange)?.name)).toContain('u0');
});

test('picks the least bad upstream when all breakers are open', () => {
  const set = build('uu', breaker);
  const [bad, better] = set.all;
  for (const outcome of ['error', 'error', 'timeout'] as const) set.recordAtBreaker(bad!, outcome, undefined, 0);
  for (const outcome of ['success', 'success', 'timeout'] as const) set.recordAtBreaker(better!, outcome, undefined, 0);
  expect(set.all.map(upstream => set.stateOf(upstream, 100))).toEqual(['open', 'open']);
  expect([1, 2, 3].map(() => set.pick(100, [], exchange)?.name)).toEqual(['u1', 'u1', 'u1']);
  expect(set.hasUsable()).toBe(true);
});
