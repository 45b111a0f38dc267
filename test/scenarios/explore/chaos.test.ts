import { describe, expect, it } from 'vitest';
import { materialised } from '../../../scenarios/explore/materialise.ts';
import { EMPTY } from '../../../scenarios/explore/schedule.ts';
import { scenarioJsonSchema, validateScenario } from '../../../scenarios/validate.ts';
import { chaosOf } from './fixture.ts';

const faults = (...list: object[]) => ({ faults: list });
const KILL = { kind: 'kill', on: 'inference-*' };

describe('a chaos section', () => {
  it('binds patterns to the targets of the stack, and values to the units of the code', async () => {
    const { plan } = await chaosOf(
      faults(
        { kind: 'latency', on: 'gateway -> inference-*', for: ['1s', '2s'], latency: { from: '50ms', to: '1s' } },
        { kind: 'bandwidth', on: 'gateway->inference-1', for: '2s', rate: { from: '5KB/s', to: '1MB/s' } },
        { kind: 'limit-data', on: 'gateway->inference-1', for: '2s', limit: ['4KB', '16KB'] },
        KILL,
      ),
    );
    const [latency, bandwidth, limit, kill] = plan.kinds;
    expect(latency).toMatchObject({
      weight: 1,
      forMs: [1000, 2000],
      parameters: { latencyMs: { from: 50, to: 1000 } },
      targets: [1, 2, 3].map(nth => ({
        name: `gateway→inference-${nth}`,
        touches: [`inference-${nth}`],
        recoveryMs: 0,
      })),
    });
    expect(bandwidth).toMatchObject({ parameters: { rateKBps: { from: 5, to: 1000 } } });
    expect(limit).toMatchObject({ parameters: { limitBytes: [4000, 16_000] } });
    // A cold start of two minutes at a sixtieth.
    expect(kill!.targets[0]!.recoveryMs).toBeGreaterThan(1500);
    expect(plan).toMatchObject({ fromMs: 3000, untilMs: 27_000 });
  });

  it.each([
    ['an unknown kind', faults({ kind: 'kil', on: 'inference-1' }), /chaos\.faults\[0\]\.kind.*did you mean "kill"/],
    ['a kind of containers', faults({ kind: 'memory', on: 'inference-1', for: '2s' }), /chaos\.faults\[0\]\.kind/],
    ['an unknown target', faults({ ...KILL, on: 'inference-9' }), /chaos\.faults\[0\]\.on.*inference-1, inference-2/],
    ['a pattern without a match', faults({ ...KILL, on: 'redis*' }), /chaos\.faults\[0\]\.on/],
    ['a fault without a duration', faults({ kind: 'pause', on: 'inference-1' }), /chaos\.faults\[0\]\.for/],
    ['a range that is reversed', faults({ ...KILL, for: { from: '2s', to: '1s' } }), /for\.to.*at least `from`/],
    [
      'a range beyond the kind',
      faults({ ...KILL, kind: 'latency', on: 'gateway->control', for: '1s', latency: { from: '1ms', to: '2h' } }),
      /latency/,
    ],
    ['an unknown key', faults({ ...KILL, latency: '1s' }), /unknown key `chaos\.faults\[0\]\.latency`/],
    ['an unknown key of its own', { atonce: 1 }, /unknown key `chaos\.atonce`; did you mean "atOnce"/],
    ['times outside of the load', { until: '31s' }, /chaos\.until.*30s/],
    ['times that are reversed', { from: '20s', until: '10s' }, /chaos\.from.*chaos\.until/],
    ['times in which no fault fits', { from: '10s', until: '10.5s' }, /`chaos`.*times/],
    [
      'parameters that never fit',
      faults({ kind: 'latency', on: 'gateway->control', for: '1s', latency: '10ms', jitter: '1s' }),
      /chaos\.faults\[0\].*fit together/,
    ],
    ['an unknown option', { stack: { 'gateway.retry': [1] } }, /chaos\.stack\["gateway\.retry"\].*unknown key/s],
    ['an impossible value', { stack: { 'gateway.retries': [1, -1] } }, /chaos\.stack\["gateway\.retries"\].*-1/],
    ['an SLO that is none', { slos: [{ name: 'a', objective: 'recover(*) <= 1 s' }] }, /chaos\.slos\[0\]\.objective/],
    [
      'an SLO on another window',
      { slos: [{ name: 'a', window: 'fault:kill', objective: 'errors <= 1%' }] },
      /chaos\.slos\[0\]\.window/,
    ],
    ['an SLO of an unknown class', { slos: [{ name: 'a', class: 'vip', objective: 'errors <= 1%' }] }, /`chaos`.*vip/],
  ])('is refused by name: %s', async (_, changes, message) => {
    await expect(chaosOf(changes)).rejects.toThrow(message);
  });

  it('is part of the JSON Schema, with ranges in the units of a file', () => {
    const { properties } = scenarioJsonSchema() as { properties: Record<string, { properties: object }> };
    const text = JSON.stringify(properties.chaos);
    expect(Object.keys(properties.chaos!.properties)).toEqual([
      'faults',
      'budget',
      'atOnce',
      'from',
      'until',
      'stack',
      'slos',
    ]);
    expect(text).toMatch(/"latency":\{.*"from"/);
    expect(text).not.toMatch(/Ms"|KBps"|Bytes"|noop|low-and-slow/);
  });
});

describe('the scenario of a schedule', () => {
  const fault = { id: 'latency-1', kind: 'latency', on: 'gateway→control', atMs: 12_345, forMs: 2500 };
  const schedule = {
    faults: [{ ...fault, parameters: { latencyMs: 400, stream: 'upstream' } }],
    stack: { 'gateway.retries': 0 },
    load: { rate: 0.5, endMs: 20_000 },
  };

  it('has its faults in the units of a file, its SLOs for each fault, its stack and its load', async () => {
    const { written } = await chaosOf();
    const file = materialised(written, schedule);
    expect(file).toMatchObject({
      name: 'random-faults',
      faults: [
        { id: 'latency-1', kind: 'latency', at: '12345ms', for: '2500ms', latency: '400ms', stream: 'upstream' },
      ],
      load: { stages: [{ name: 'steady', at: '10/s', for: '20s' }] },
      stack: { gateway: { replicas: 2, retries: 0 } },
    });
    expect(file.slos.at(-1)).toEqual({ name: 'recovery of latency-1', objective: 'recovery(latency-1) <= 12 s' });
    for (const key of ['chaos', 'proof', 'covers']) expect(file).not.toHaveProperty(key);
    const { faults } = validateScenario(file, 'found');
    expect(faults).toMatchObject([{ at: 12_345, for: 2500, latencyMs: 400, stream: 'upstream' }]);
  });

  it('is the scenario itself for an empty schedule', async () => {
    const { written } = await chaosOf();
    const { chaos: _, covers: __, ...rest } = written;
    expect(materialised(written, EMPTY)).toEqual({ ...rest, faults: [] });
  });
});
