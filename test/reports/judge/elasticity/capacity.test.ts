import { expect, test } from 'vitest';
import type { TimedEvent } from '../../../../harness/history.ts';
import { capacityOf } from '../../../../reports/judge/elasticity/capacity.ts';
import { judge } from '../../../../reports/judge/judge.ts';
import { renderHtml } from '../../../../reports/render/html/render-html.ts';
import { renderMarkdown } from '../../../../reports/render/markdown.ts';
import { renderTerminal } from '../../../../reports/render/terminal.ts';
import { historyOf, planOf, steadyLoad } from '../../runs.ts';

const node = (atMs: number, name: string, state: 'booting' | 'ready' | 'notice' | 'taken' | 'stopped'): TimedEvent => {
  const pool = name.replace(/-\d+$/, '');
  const price = pool === 'spot' ? { pricePerHour: 36, spot: true } : { pricePerHour: 180 };
  return { atMs, type: 'node', node: name, pool, zone: 'zone-a', state, gpus: 2, ...price, reason: '' };
};
const pod = (atMs: number, replica: string, state: 'pending' | 'evicted', reason: string): TimedEvent => ({
  ...{ atMs, type: 'placement', replica, service: 'inference', state, gpus: 0.5, reason },
  ...(state === 'evicted' && { node: 'spot-1' }),
});
const placed = (atMs: number, replica: string, on: string): TimedEvent => ({
  ...{ atMs, type: 'placement', replica, service: 'inference', state: 'placed', node: on, gpus: 0.5, reason: '' },
});

/** A minute, of which a spot node is there for the first 30 s, and another one boots in the last 20 s. */
const EVENTS: readonly TimedEvent[] = [
  node(-1000, 'reserved-1', 'ready'),
  node(-1000, 'spot-1', 'ready'),
  placed(-1000, 'inference-1', 'spot-1'),
  placed(-1000, 'inference-2', 'reserved-1'),
  pod(6000, 'inference-3', 'pending', 'no room'),
  node(20_000, 'spot-1', 'notice'),
  pod(25_000, 'inference-1', 'evicted', 'its node is taken in 5 s'),
  pod(26_000, 'inference-1', 'pending', 'no room'),
  node(30_000, 'spot-1', 'taken'),
  node(40_000, 'spot-2', 'booting'),
  pod(40_000, 'inference-1', 'pending', 'spot-2 boots in 10 s'),
  node(50_000, 'spot-2', 'ready'),
  placed(50_000, 'inference-1', 'spot-2'),
];

test('nodes cost from their boot to their end, and pods wait from one place to the next', () => {
  const { capacity } = capacityOf(EVENTS, 60_000);
  expect(capacity?.pools).toEqual([
    { pool: 'reserved', spot: false, nodes: 1, booted: 0, taken: 0, dollars: 3, occupied: 0.25 },
    // 30 s + 20 s of 36 $/h; half a GPU for 25 s + 10 s of two for 50 s.
    { pool: 'spot', spot: true, nodes: 0.833, booted: 1, taken: 1, dollars: 0.5, occupied: 0.175 },
  ]);
  expect(capacity?.waiting).toEqual([
    {
      ...{ replica: 'inference-3', service: 'inference', waitedMs: 54_000, isPending: true },
      evictions: 0,
      reason: 'no room',
    },
    {
      ...{ replica: 'inference-1', service: 'inference', waitedMs: 24_000, isPending: false },
      evictions: 1,
      reason: 'no room',
    },
  ]);
});

test('what was before the load, and after it, does not count', () => {
  const { capacity } = capacityOf([...EVENTS, pod(61_000, 'inference-2', 'pending', 'late')], 5000);
  expect(capacity?.waiting).toEqual([]);
  expect(capacity?.pools.map(({ nodes, taken }) => [nodes, taken])).toEqual([
    [1, 0],
    [1, 0],
  ]);
  expect(capacityOf([], 60_000)).toEqual({});
});

test('reports show it, and a stack without nodes has no place for it', () => {
  const judged = (events: readonly TimedEvent[]) =>
    judge({ events: historyOf(planOf(), ...events), records: steadyLoad() });
  for (const render of [renderHtml, renderMarkdown, renderTerminal]) {
    const text = render(judged(EVENTS)).replaceAll('\u00a0', ' ');
    expect(text).toMatch(/spot.*1 taken|<h2[^>]*>Capacity/s);
    expect(text).toContain('no room');
    expect(text).toContain('54 s');
    expect(render(judged([]))).not.toMatch(/capacity/i);
  }
});
