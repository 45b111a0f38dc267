import { expect, test } from 'vitest';
import { seededRandom } from '../../../../harness/random.ts';
import { roundRobin } from '../../../../stack/gateway/upstream/balancer.ts';
import type { Transport } from '../../../../stack/gateway/upstream/transport.ts';
import { stateOf, UpstreamSet } from '../../../../stack/gateway/upstream/upstreams.ts';

const transport: Transport = {
  send: () => ({ cancel: () => {}, pause: () => {}, resume: () => {} }),
  close: async () => {},
};
const ejection = { consecutiveFailures: 1, baseMs: 1000, maxMs: 1000, maxEjectedRatio: 1, forgetMs: 1000 };

/** One letter per upstream: (u)sable, (e)jected until at least 1000 ms, (f)ailing its health checks, (n)ever checked. */
function build(states: string): UpstreamSet {
  const upstreams = [...states].map((state, index) => ({ name: `${state}${index}`, transport }));
  const random = seededRandom(1);
  const set = new UpstreamSet({ upstreams, balancer: roundRobin(), ejection, activeChecks: true, random });
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
  const picks = [1, 2, 3].map(() => set.pick(500, excluded)?.name ?? 'none');
  expect(picks.join(' ')).toBe(expected);
  expect(set.hasUsable()).toBe(expected !== 'none none none');
});

test('reports the state of each upstream', () => {
  const states = build('uefn').all.map(upstream => stateOf(upstream, 500));
  expect(states).toEqual(['usable', 'ejected', 'unhealthy', 'unknown']);
  expect(build('e').all.map(upstream => stateOf(upstream, 2000))).toEqual(['usable']);
});
