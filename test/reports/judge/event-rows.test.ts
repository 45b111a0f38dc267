import { expect, it } from 'vitest';
import type { TimedEvent } from '../../../harness/history.ts';
import type { Readings } from '../../../harness/metrics.ts';
import { eventRows } from '../../../reports/judge/event-rows.ts';

it('says in words what happened to nodes and to places on them', () => {
  const node = { type: 'node', node: 'spot-2', pool: 'spot', zone: 'zone-a', pricePerHour: 1.5, gpus: 2 } as const;
  const pod = { type: 'placement', replica: 'inference-4', service: 'inference', gpus: 1 } as const;
  const events: TimedEvent[] = [
    { ...pod, atMs: 0, state: 'pending', reason: 'no GPU node is free, spot-2 boots in 90 s' },
    { ...node, atMs: 1, state: 'booting', spot: true, reason: '' },
    { ...node, atMs: 2, state: 'ready', gpus: 1, reason: '' },
    { ...pod, atMs: 3, state: 'placed', node: 'spot-2', reason: 'its image is pulled until 63 s' },
    { ...node, atMs: 4, state: 'notice', reason: 'it will be taken in 30 s' },
    { ...pod, atMs: 5, state: 'evicted', node: 'spot-2', reason: 'spot-2 is about to be taken' },
    { ...node, atMs: 6, state: 'taken', reason: '' },
  ];
  expect(eventRows(events).map(({ text }) => text)).toEqual([
    'inference-4 pending: no GPU node is free, spot-2 boots in 90 s',
    'spot-2 boots (2 GPUs, spot, $1.5/h)',
    'spot-2 is ready (1 GPU, $1.5/h)',
    'inference-4 placed on spot-2: its image is pulled until 63 s',
    'spot-2 has been given notice: it will be taken in 30 s',
    'inference-4 evicted from spot-2: spot-2 is about to be taken',
    'spot-2 was taken',
  ]);
});

it('says when circuit breakers were seen to open and close', () => {
  const sample = (seenMs: number, readings: Record<string, number>): TimedEvent => ({
    ...{ type: 'sample', atMs: seenMs + 20, seenMs },
    readings: Object.fromEntries(Object.entries(readings).map(([name, openBreakers]) => [name, { openBreakers }])),
  });
  const events = [
    sample(500, { 'gateway-1': 0, 'gateway-2': 0 }),
    sample(1500, { 'gateway-1': 2, 'gateway-2': 0 }),
    sample(2500, { 'gateway-1': 2 }),
    sample(3500, { 'gateway-1': 1, 'gateway-2': 0 }),
    sample(4500, { 'gateway-1': 0, 'gateway-2': 1 }),
  ];
  expect(eventRows(events)).toEqual([
    { atMs: 1500, kind: 'breaker', text: 'gateway-1 has 2 open circuit breakers' },
    { atMs: 3500, kind: 'breaker', text: 'gateway-1 has 1 open circuit breaker' },
    { atMs: 4500, kind: 'breaker', text: 'gateway-1 has no open circuit breakers' },
    { atMs: 4500, kind: 'breaker', text: 'gateway-2 has 1 open circuit breaker' },
  ]);
});

it('says when zombies were seen to be ejected and to be back', () => {
  const sample = (seenMs: number, zombies: number): TimedEvent => ({
    ...{ type: 'sample', atMs: seenMs + 20, seenMs },
    readings: { 'gateway-1': { zombies, openBreakers: 0 } },
  });
  expect(eventRows([sample(500, 0), sample(1500, 1), sample(2500, 1), sample(3500, 0)])).toEqual([
    { atMs: 1500, kind: 'zombie', text: 'gateway-1 has 1 ejected zombie' },
    { atMs: 3500, kind: 'zombie', text: 'gateway-1 has no ejected zombies' },
  ]);
});

it('says when a version was seen to be rolled back, and why', () => {
  const sample = (seenMs: number, readings: Readings): TimedEvent => ({
    ...{ type: 'sample', atMs: seenMs + 20, seenMs },
    readings: { 'gateway-1': readings, 'gateway-2': {} },
  });
  const events = [
    sample(500, {}),
    sample(1500, { rollbacks: 1 }),
    sample(2500, { rollbacks: 1 }),
    sample(3500, { rollbacks: 2, slowRollbacks: 1 }),
    // The gateway was restarted.
    sample(4500, { rollbacks: 1 }),
  ];
  expect(eventRows(events).map(({ atMs, text }) => `${atMs} ${text}`)).toEqual([
    '1500 gateway-1 rolled a version of the model back: too many of its requests failed',
    '3500 gateway-1 rolled a version of the model back: its first tokens were too late',
  ]);
});
