import { describe, expect, test } from 'vitest';
import { NEVER } from '../../../harness/clock.ts';
import { systemNetwork } from '../../../harness/host/network.ts';
import { connectControl } from '../../../stack/control/client.ts';
import { parseControlConfig } from '../../../stack/control/config.ts';
import { readServiceDefinition } from '../../../stack/control/consul/definition.ts';
import { formatGoDuration, parseGoDurationMs } from '../../../stack/control/consul/go-duration.ts';
import { jsonPatch, mergePatch } from '../../../stack/control/scale/patch.ts';
import { Scales } from '../../../stack/control/scale/scale.ts';
import { Watchers } from '../../../stack/control/watchers.ts';
import { FakeClock } from '../../fake-clock.ts';

test.each([
  ['10s', 10_000],
  ['1m30s', 90_000],
  ['1.5s', 1500],
  ['250ms', 250],
  ['1h', 3_600_000],
  ['0', 0],
  [1_000_000_000, 1000],
  ['10', undefined],
  ['-1s', undefined],
  ['1s ', undefined],
  ['', undefined],
  [null, undefined],
])('the duration %j is %s ms', (text, ms) => {
  expect(parseGoDurationMs(text)).toBe(ms);
});

test.each([0, 250, 1000, 1500, 90_000, 3_600_000, 5_425_000])('%d ms survive formatting and parsing', ms => {
  expect(parseGoDurationMs(formatGoDuration(ms))).toBe(ms);
});

describe('a registration', () => {
  const read = (body: unknown) => readServiceDefinition(body, 60_000);

  test('has Consul’s defaults and case-insensitive keys', () => {
    const { id, checks, ...rest } = read({ name: 'web', PORT: 80, Check: { ttl: '10s' } });
    expect({ id, ...rest }).toEqual({
      id: 'web',
      name: 'web',
      port: 80,
      address: '',
      taggedAddresses: {},
      tags: [],
      meta: {},
    });
    expect(checks).toMatchObject([
      { id: 'service:web', name: "Service 'web' check", method: { kind: 'ttl', ttlMs: 10_000 } },
    ]);
  });

  test('numbers several checks and enforces the minimum of DeregisterCriticalServiceAfter', () => {
    const http = { HTTP: 'http://127.0.0.1/x', Interval: '5s' };
    const { checks } = read({ Name: 'web', Checks: [{ TTL: '1s', DeregisterCriticalServiceAfter: '10s' }, http] });
    expect(checks.map(check => check.id)).toEqual(['service:web:1', 'service:web:2']);
    expect(checks[0]!.deregisterAfterMs).toBe(60_000);
    expect(checks[1]!.method).toEqual({ kind: 'http', url: http.HTTP, intervalMs: 5000, timeoutMs: 10_000 });
  });

  test.each([
    [{}, 'Missing service name'],
    [[], 'JSON object'],
    [{ Name: 'a', Port: 'x' }, 'Port'],
    [{ Name: 'a', Port: 70_000 }, 'Port'],
    [{ Name: 'a', Check: {} }, 'TTL must be > 0'],
    [{ Name: 'a', Check: { TTL: 'soon' } }, 'invalid duration'],
    [{ Name: 'a', Check: { HTTP: 'http://x' } }, 'Interval must be > 0'],
    [{ Name: 'a', Check: { HTTP: 'file:///etc/passwd', Interval: '1s' } }, 'HTTP must be a URL'],
    [{ Name: 'a', Check: { TTL: '1s', Interval: '1s' } }, 'cannot both'],
    [{ Name: 'a', Check: { TTL: '1s', Status: 'great' } }, 'status'],
    [{ Name: 'a', Tags: [1] }, 'Tags'],
    [{ Name: 'a', Meta: { a: 1 } }, 'Meta'],
  ])('%j is rejected', (body, message) => {
    expect(() => read(body)).toThrow(message);
  });
});

describe('patches', () => {
  const scale = { metadata: { name: 'a', resourceVersion: '7' }, spec: { replicas: 3 } };

  test('a merge patch merges, and null removes (RFC 7396)', () => {
    const patch = { spec: { replicas: 5 }, metadata: { resourceVersion: null } };
    expect(mergePatch(scale, patch)).toEqual({ metadata: { name: 'a' }, spec: { replicas: 5 } });
  });

  test('a JSON patch replaces, adds, removes and tests (RFC 6902)', () => {
    const patch = [
      { op: 'test', path: '/spec/replicas', value: 3 },
      { op: 'replace', path: '/spec/replicas', value: 4 },
      { op: 'add', path: '/spec/a~1b', value: 1 },
      { op: 'remove', path: '/metadata' },
    ];
    expect(jsonPatch(scale, patch)).toEqual({ spec: { replicas: 4, 'a/b': 1 } });
  });

  test.each([
    [[{ op: 'test', path: '/spec/replicas', value: 9 }], 'test of'],
    [[{ op: 'replace', path: '/spec/size', value: 9 }], 'no value at'],
    [[{ op: 'move', from: '/a', path: '/b' }], '`op`'],
    [[{ op: 'add', path: 'spec' }], '`path`'],
    [{ spec: {} }, 'list of operations'],
  ])('%j is rejected', (patch, message) => {
    expect(() => jsonPatch(scale, patch)).toThrow(message);
  });
});

test('the second of two writers with the same version gets a conflict', () => {
  const scales = new Scales([{ name: 'a', replicas: 3, min: 1, max: 9 }], new Date(0), () => 'u');
  const { resourceVersion } = scales.get('a')!;
  expect(scales.setReplicas('a', 4, String(resourceVersion)).kind).toBe('changed');
  expect(scales.setReplicas('a', 5, String(resourceVersion)).kind).toBe('conflict');
  expect(scales.get('a')!.replicas).toBe(4);
  expect(scales.setReplicas('a', 10)).toEqual({ kind: 'out-of-bounds', min: 1, max: 9 });
  expect(scales.setReplicas('b', 1).kind).toBe('unknown');
});

test('queries beyond the limit return at once, others after their wait or on a change', async () => {
  const clock = new FakeClock();
  const watchers = new Watchers(clock, 2);
  const returned: number[] = [];
  let condition = false;
  const never = new AbortController().signal;
  for (const [index, waitMs] of [1000, 5000, 9000].entries())
    void watchers.until(() => condition, waitMs, never).then(() => returned.push(index));
  await clock.advance(0);
  expect([returned, watchers.size]).toEqual([[2], 2]);
  await clock.advance(1000);
  expect(returned).toEqual([2, 0]);
  watchers.notify();
  await clock.advance(0);
  expect(returned, 'nothing has changed').toEqual([2, 0]);
  condition = true;
  watchers.notify();
  await clock.advance(0);
  expect([returned, watchers.size]).toEqual([[2, 0, 1], 0]);
});

test.each([
  ['{"nam":1}', 'nam'],
  ['nonsense', 'JSON'],
  ['{"deployments":[{"name":"a","replicas":1},{"name":"a","replicas":1}]}', 'unique'],
  ['{"deployments":[{"name":"a","replicas":5,"max":3}]}', '0 to 3'],
  ['{"deployments":[{"name":"A b","replicas":5}]}', 'DNS label'],
])('the configuration %s is rejected', (text, message) => {
  expect(() => parseControlConfig(text)).toThrow(message);
});

describe('an instance that an agent lists', () => {
  const instances = (Address: string, Port: number) => {
    const body = [{ Node: {}, Service: { ID: 'a', Address, Port } }];
    const fetch = async () => Response.json(body, { headers: { 'x-consul-index': '1' } });
    const client = connectControl('http://agent', { clock: new FakeClock(), network: { ...systemNetwork, fetch } });
    return client.instances({ service: 's', index: 0, waitMs: 1000 }, NEVER);
  };

  test.each([
    ['10.0.0.1', '10.0.0.1:80'],
    ['fd00::1', '[fd00::1]:80'],
    ['[fd00::1]', '[fd00::1]:80'],
    ['web-1.local', 'web-1.local:80'],
  ])('at %s is reached at %s', async (address, expected) => {
    expect((await instances(address, 80)).instances).toEqual([{ id: 'a', address: expected }]);
  });

  test.each([
    ['a b', 80],
    ['10.0.0.1', 99_999],
  ])('at %s:%d has no address', async (address, port) => {
    await expect(instances(address, port)).rejects.toThrow(`an instance with the address "${address}:${port}"`);
  });
});
