import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type LoadOptions, loadScenario } from '../../scenarios/load-scenario.ts';

const SMALL = join(import.meta.dirname, '../e2e/fixtures/small-loss.yaml');

function inVirtualTime(changes: Readonly<Record<string, unknown>>, options: Partial<LoadOptions> = {}) {
  return loadScenario(SMALL, { seed: 42, platform: 'virtual', replay: 'squall run x', changes, ...options });
}

const fault = (kind: string, more = {}) => ({
  'faults.0': { id: 'x', kind, on: 'inference-1', at: '5s', for: '4s', ...more },
});

it.each([
  ['nginx', { 'stack.edge': {} }, '`stack.edge` (it cannot run nginx)', /process` or .*docker/],
  ['Prometheus', { 'stack.prometheus': {} }, '`stack.prometheus` (it cannot run Prometheus)', /process` or .*docker/],
  [
    'metrics from Prometheus',
    { 'stack.control': {}, 'stack.autoscaler': { policy: { kind: 'noop' }, metricsFrom: 'prometheus' } },
    '`stack.autoscaler.metricsFrom` prometheus (it cannot run Prometheus)',
    /process` or .*docker/,
  ],
  [
    'k6',
    { 'load.engine': 'k6', 'load.arrivals': 'constant' },
    '`load.engine` k6 (only `stream`',
    /process` or .*docker/,
  ],
  ['autocannon', { 'load.engine': 'autocannon' }, '`load.engine` autocannon', /process` or .*docker/],
  [
    'memory',
    { 'slos.0.objective': 'growth(memory) <= 10%' },
    '`slos[0].objective` growth(memory)',
    /process` or .*docker/,
  ],
  [
    'an attacker',
    fault('slow-headers', { on: 'client->gateway-1' }),
    '`faults[0].kind` slow-headers',
    /process` or .*docker/,
  ],
  [
    'certificates',
    fault('certificate-renewal', { on: 'client->edge' }),
    '`faults[0].kind` certificate-renewal',
    /process/,
  ],
  [
    'an OOM kill',
    fault('memory', { limitMiB: 64 }),
    '`faults[0].kind` memory (it needs docker)',
    /`--platform docker`, or/,
  ],
  ['a lost network', fault('disconnect'), '`faults[0].kind` disconnect (it needs docker)', /`--platform docker`, or/],
])(
  'virtual time has no %s, which is said by name and with the platform that has it',
  async (_, changes, found, next) => {
    const refused = await inVirtualTime(changes).then(
      () => 'nothing',
      error => error,
    );
    expect(refused).toMatchObject({ code: 'NOT_VIRTUAL', message: expect.stringContaining(found) });
    // Where an override is to blame, that is said first, and the platform after it.
    expect(refused.next).toMatch(next);
  },
);

it.each([
  ['workers', { workers: 2 }, '--workers 2'],
  ['segments', { segment: { index: 1, of: 2 } }, '--segment 1/2'],
  ['starts by the wall clock', { startAt: new Date(Date.now() + 60_000) }, '--start-at'],
] as const)('virtual time has no %s', async (_, options, found) => {
  await expect(inVirtualTime({}, options)).rejects.toMatchObject({
    code: 'NOT_VIRTUAL',
    message: expect.stringContaining(found),
  });
});

it('lists all of them at once, and takes what it has', async () => {
  const all = { 'stack.edge': {}, 'load.engine': 'k6', ...fault('disconnect') };
  await expect(inVirtualTime(all, { workers: 3 })).rejects.toThrow(
    /`stack\.edge` .*; `load\.engine` k6 .*; --workers 3 .*; `faults\[0\]\.kind` disconnect/,
  );
  const { compiled } = await inVirtualTime({ 'stack.redis': {}, 'stack.edge': 'auto', 'load.engine': 'stream' });
  expect(compiled.plan).toMatchObject({ platform: 'virtual', load: { engine: 'stream' } });
});
