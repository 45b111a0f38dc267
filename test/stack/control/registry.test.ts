import { describe, expect, test } from 'vitest';
import type { CheckDefinition, ServiceDefinition } from '../../../stack/control/consul/definition.ts';
import { Registry, worstStatus } from '../../../stack/control/registry.ts';

const ttlCheck = (over: Partial<CheckDefinition> = {}): CheckDefinition => ({
  id: 'service:a',
  name: 'alive',
  notes: '',
  method: { kind: 'ttl', ttlMs: 1000 },
  status: undefined,
  deregisterAfterMs: undefined,
  ...over,
});
const service = (over: Partial<ServiceDefinition> = {}): ServiceDefinition => ({
  ...{ id: 'a', name: 'inference', address: '127.0.0.1', port: 1, taggedAddresses: {}, tags: [], meta: {} },
  checks: [ttlCheck()],
  ...over,
});
const statusOf = (registry: Registry) => registry.services('inference').map(({ checks }) => worstStatus(checks));

test('an instance is critical until its first heartbeat, and again once its TTL expires', () => {
  const registry = new Registry();
  registry.register(service(), 0);
  expect(statusOf(registry)).toEqual(['critical']);
  registry.heartbeat('service:a', 'passing', 'fine', 500);
  expect(statusOf(registry)).toEqual(['passing']);
  expect(registry.tick(1499)).toEqual([]);
  expect(registry.tick(1500)).toEqual([{ kind: 'expired', serviceId: 'a', checkId: 'service:a' }]);
  expect(statusOf(registry)).toEqual(['critical']);
  expect(registry.services()[0]!.checks[0]!.output).toBe('TTL expired (last output before timeout follows): fine');
  expect(registry.tick(9999), 'it expires once').toEqual([]);
});

test('heartbeats keep an instance passing', () => {
  const registry = new Registry();
  registry.register(service(), 0);
  for (let atMs = 0; atMs < 20_000; atMs += 900) {
    expect(registry.tick(atMs)).toEqual([]);
    registry.heartbeat('service:a', 'passing', '', atMs);
  }
  expect(statusOf(registry)).toEqual(['passing']);
});

test('an instance that stays critical is deregistered, one that recovers in time is not', () => {
  const registry = new Registry();
  registry.register(service({ checks: [ttlCheck({ deregisterAfterMs: 5000 })] }), 0);
  registry.tick(4000);
  registry.heartbeat('service:a', 'passing', '', 4900);
  registry.tick(5900);
  expect(registry.tick(10_800)).toEqual([]);
  expect(registry.tick(10_900)).toEqual([{ kind: 'reaped', serviceId: 'a', checkId: 'service:a' }]);
  expect(registry.services()).toEqual([]);
});

describe('the index of a service', () => {
  const steps: [string, (registry: Registry) => void, boolean][] = [
    ['a heartbeat that changes the status', r => r.heartbeat('service:a', 'warning', '', 100), true],
    ['a heartbeat that repeats the status', r => r.heartbeat('service:a', 'passing', 'other output', 100), false],
    [
      'the same registration again',
      r => r.register(service({ checks: [ttlCheck({ status: 'passing' })] }), 100),
      false,
    ],
    ['another address', r => r.register(service({ port: 2, checks: [ttlCheck({ status: 'passing' })] }), 100), true],
    ['a second instance', r => r.register(service({ id: 'b', checks: [] }), 100), true],
    ['a deregistration', r => r.deregister('a'), true],
    ['a TTL that expires', r => r.tick(1000), true],
    ['another service', r => r.register(service({ id: 'x', name: 'gateway', checks: [] }), 100), false],
    ['nothing', r => r.tick(500), false],
  ];
  test.each(steps)('after %s', (_, step, increases) => {
    const registry = new Registry(41);
    registry.register(service({ checks: [ttlCheck({ status: 'passing' })] }), 0);
    const before = registry.index('inference');
    expect(before).toBe(42);
    step(registry);
    expect(registry.index('inference') > before).toBe(increases);
  });

  test('survives its last instance, so that blocked queries return', () => {
    const registry = new Registry();
    registry.register(service(), 0);
    const before = registry.index('inference');
    registry.deregister('a');
    expect(registry.index('inference')).toBeGreaterThan(before);
  });
});

test('registering again keeps the status unless it sets one', () => {
  const registry = new Registry();
  registry.register(service(), 0);
  registry.heartbeat('service:a', 'passing', '', 0);
  registry.register(service({ port: 9 }), 100);
  expect(statusOf(registry)).toEqual(['passing']);
  registry.register(service({ checks: [ttlCheck({ status: 'critical' })] }), 200);
  expect(statusOf(registry)).toEqual(['critical']);
});

test.each([
  [(r: Registry) => r.deregister('zzz'), 'unknown-service'],
  [(r: Registry) => r.heartbeat('zzz', 'passing', '', 0), 'unknown-check'],
  [(r: Registry) => r.heartbeat('web', 'passing', '', 0), 'no-ttl'],
])('%s fails with %s', (step, error) => {
  const registry = new Registry();
  const method = { kind: 'http', url: 'http://x', intervalMs: 1, timeoutMs: 1 } as const;
  registry.register(service({ checks: [ttlCheck({ id: 'web', method })] }), 0);
  expect(step(registry)).toBe(error);
});

test('the worst of several checks determines the status', () => {
  const of = (...statuses: ('passing' | 'warning' | 'critical')[]) => worstStatus(statuses.map(status => ({ status })));
  expect([of(), of('passing'), of('passing', 'warning'), of('critical', 'warning')]).toEqual([
    'passing',
    'passing',
    'warning',
    'critical',
  ]);
});
