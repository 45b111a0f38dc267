import { afterAll, expect, it } from 'vitest';
import { type RunResult, runScenario, type Scenario } from '../../cli/api.ts';
import { temporaryFolder } from './squall.ts';

// Whole runs in virtual time with every fault of links, nodes and dependencies. Bounds are narrow on both sides: no machine is late here,
// and what a fault does not explain is an error.

const out = temporaryFolder();
afterAll(() => out[Symbol.dispose]());

/** A response of 100 to 170 ms. */
const SHORT = { name: 'short', promptTokens: [16, 32] as [number, number], outputTokens: [16, 32] as [number, number] };

/** Runs a scenario, whose faults must all take effect and be gone. */
async function virtual(scenario: Omit<Scenario, 'why' | 'slos'>) {
  const slos = [{ name: 'error rate', objective: 'errors <= 60%' }];
  const run = await runScenario(
    { why: 'To see each fault.', slos, ...scenario },
    { platform: 'virtual', out: out.path },
  );
  expect(run.reasons).toEqual(['The SLO is met.']);
  for (const { id, evidence, effectiveAtMs, healVerified } of run.faults)
    expect({ id, evidence, isEffective: effectiveAtMs !== null, healVerified }).toMatchObject({
      isEffective: true,
      healVerified: true,
    });
  return run;
}

/** Outcomes of the requests that a fault's window has. */
function during({ windows }: RunResult, id: string) {
  const { requests, failed, errors, latencyMs, ttftMs } = windows.find(({ name }) => name === `fault:${id}`)!;
  const count = (...kinds: string[]) => kinds.reduce((sum, kind) => sum + (errors[kind] ?? 0), 0);
  return { requests, failed, count, ratio: (...kinds: string[]) => count(...kinds) / requests, latencyMs, ttftMs };
}

/** The evidence of a fault, and when it took effect and was gone, in ms from its beginning. */
function courseOf({ faults }: RunResult, id: string) {
  const { injectedAtMs, effectiveAtMs, healedAtMs, evidence } = faults.find(fault => fault.id === id)!;
  return { effectiveMs: effectiveAtMs! - injectedAtMs!, goneMs: healedAtMs! - injectedAtMs!, evidence };
}

function expectWithin(what: string, found: number | null, min: number, max: number): void {
  expect(found, what).toBeGreaterThanOrEqual(min);
  expect(found, what).toBeLessThanOrEqual(max);
}

it('each fault of a link is in the outcomes of requests, and leaves with it', { timeout: 300_000 }, async () => {
  const on = 'client->gateway-1';
  const run = await virtual({
    name: 'links',
    stack: { gateway: { replicas: 1 }, inference: { replicas: 2 }, timeScale: 1000 },
    load: { arrivals: 'constant', warmUp: '1s', stages: [{ at: '15/s', for: '28s' }], workload: SHORT },
    faults: [
      { id: 'late', kind: 'latency', on, at: '1s', for: '2s', latency: '200ms', jitter: '20ms' },
      { id: 'narrow', kind: 'bandwidth', on, at: '4s', for: '2s', rate: '5KB/s' },
      { id: 'sliced', kind: 'slicer', on, at: '8s', for: '2s', averageSize: '50B', delay: '5ms' },
      { id: 'lingering', kind: 'slow-close', on, at: '12s', for: '2s', delay: '200ms' },
      { id: 'cut', kind: 'limit-data', on, at: '15s', for: '2s', limit: '500B' },
      { id: 'resets', kind: 'reset-peer', on, at: '18s', for: '2s' },
      { id: 'hole', kind: 'timeout', on, at: '21s', for: '2s' },
      { id: 'gone', kind: 'down', on, at: '24s', for: '2s' },
    ],
  });
  const { ttftMs, latencyMs } = run.windows.find(({ name }) => name === 'baseline')!;
  for (const { id } of run.faults) {
    const { effectiveMs, goneMs } = courseOf(run, id);
    expectWithin(`${id} takes effect`, effectiveMs, 1, 50);
    expectWithin(`${id} is gone`, goneMs, 2000, 2010);
    expect(run.windows.find(({ name }) => name === `recovery:${id}`)!.failed, `after ${id}`).toBe(0);
  }
  const late = during(run, 'late');
  // One delay of 200 ± 20 ms to the first token, and none from token to token.
  expectWithin('late first token', late.ttftMs.p50! - ttftMs.p50!, 180, 220);
  expectWithin('late response', late.latencyMs.p50! - latencyMs.p50!, 180, 250);
  // 16 to 32 events of 290 bytes at 5 KB/s: 0.9 to 1.9 s; in pieces of 50 bytes, 5 ms apart: 0.46 to 0.93 s.
  expectWithin('narrow', during(run, 'narrow').latencyMs.p50, 850, 1900);
  expectWithin('sliced', during(run, 'sliced').latencyMs.p50, 460, 1000);
  // Only the end of connections that the server closes is late, and it closes none.
  expectWithin('lingering', during(run, 'lingering').latencyMs.p50! / latencyMs.p50!, 0.7, 1.4);
  for (const id of ['late', 'narrow', 'sliced', 'lingering']) expect(during(run, id).failed, id).toBe(0);
  // A window ends with the recovery, in whose last moments a request may succeed.
  expectWithin('cut', during(run, 'cut').ratio('truncated'), 0.9, 1);
  expectWithin('resets', during(run, 'resets').ratio('reset', 'truncated'), 0.9, 1);
  expectWithin('hole', during(run, 'hole').ratio('reset', 'truncated'), 0.9, 1);
  expectWithin('gone', during(run, 'gone').ratio('connection-refused', 'truncated'), 0.9, 1);
});

it('nodes stop, freeze and die, and start again after a cold start of two minutes', { timeout: 300_000 }, async () => {
  const run = await virtual({
    name: 'nodes',
    // Two minutes: without a time scale, virtual time waits for the model as production does.
    stack: { gateway: { replicas: 1 }, inference: { replicas: 3 } },
    load: {
      arrivals: 'constant',
      warmUp: '1s',
      stages: [
        { at: '12/s', for: '10s' },
        { at: '1/s', for: '122s' },
      ],
      // 340 ms: about four at once.
      workload: { ...SHORT, outputTokens: [64, 64] },
    },
    faults: [
      { id: 'stop', kind: 'stop', on: 'inference-1', at: '2s' },
      { id: 'pause', kind: 'pause', on: 'inference-2', at: '4s', for: '2s' },
      { id: 'kill', kind: 'kill', on: 'inference-3', at: '8s', for: '1s' },
    ],
  });
  const stop = courseOf(run, 'stop');
  // Streams in flight are finished, which takes as long as one of them at most, and then the process ends by itself.
  const [, drainMs] = /ended with exit code 0 (\d+) ms after SIGTERM/.exec(stop.evidence) ?? [];
  expectWithin('drain', Number(drainMs), 50, 400);
  expectWithin('stopped replica is back', stop.goneMs, 120_000, 123_000);
  const pause = courseOf(run, 'pause');
  expect(pause.evidence).toMatch(/inference-2 #1 is still there .* inference-2 is ready as inference-2 #1, 2\.0 s/);
  expectWithin('pause', pause.goneMs, 2000, 2010);
  const kill = courseOf(run, 'kill');
  expect(kill.evidence).toMatch(/inference-3 #1 is gone, .* inference-3 is ready as inference-3 #2/);
  expectWithin('killed replica is back', kill.goneMs, 121_000, 124_000);
  // The kill alone loses what it had in flight; what was frozen is finished after it, and what was drained before the end.
  expectWithin('lost', during(run, 'kill').count('truncated'), 1, 6);
  expect(run.load.failed).toBe(during(run, 'kill').failed);
  expectWithin('frozen', during(run, 'pause').latencyMs.max, 2000, 2400);
});

it('zones are cut off and lost, between bounds, and come back', { timeout: 300_000 }, async () => {
  const run = await virtual({
    name: 'zones',
    stack: { zones: 2, gateway: { replicas: 2 }, inference: { replicas: 2 }, control: {}, timeScale: 60 },
    load: { arrivals: 'constant', warmUp: '1s', stages: [{ at: '10/s', for: '22s' }], workload: SHORT },
    faults: [
      { id: 'drop', kind: 'zone-partition', on: 'zone-a|zone-b', at: '2s', for: '3s' },
      { id: 'reset', kind: 'zone-partition', on: 'zone-a', at: '7s', for: '2s', mode: 'reset' },
      { id: 'loss', kind: 'zone-loss', on: 'zone-b', at: '11s', for: '3s' },
    ],
  });
  for (const [id, forMs] of [
    ['drop', 3000],
    ['reset', 2000],
  ] as const) {
    const { evidence, goneMs } = courseOf(run, id);
    expect(evidence).toMatch(id === 'drop' ? /did not respond to a probe for 1000 ms/ : /reset a probe/);
    expectWithin(id, goneMs, forMs, forMs + 20);
    // Gateways try again within their own zone.
    expect(during(run, id).failed, id).toBe(0);
  }
  // Requests in flight across the cut wait for its end: 3 s and a response.
  expectWithin('drop', during(run, 'drop').latencyMs.max, 2500, 3400);
  expectWithin('reset', during(run, 'reset').latencyMs.max, 100, 400);
  const loss = courseOf(run, 'loss');
  expect(loss.evidence).toMatch(
    /all of zone-b is gone: inference-2, gateway-2 do not respond, .*gateway-1 elsewhere do/,
  );
  // 3 s away, 0.3 s to start, 2 s to load, and for the gateway 0.3 s more.
  expectWithin('lost zone is back', loss.goneMs, 5300, 5600);
  // Every other request goes to the gateway that is gone, until it is back.
  expectWithin('loss', during(run, 'loss').ratio('reset', 'truncated', 'http-503'), 0.2, 0.5);
  expect(run.load.failed).toBe(during(run, 'loss').failed);
});

it('no request notices the loss of Redis or of discovery; one gateway that stops is half of them', {
  timeout: 300_000,
}, async () => {
  const limits = { perKey: { perMinute: 6000 }, global: { perSecond: 200 } };
  const run = await virtual({
    name: 'dependencies',
    stack: {
      gateway: { replicas: 2, limits },
      inference: { replicas: 2 },
      control: { ttl: '2s', wait: '2s' },
      redis: {},
      timeScale: 1000,
    },
    load: { arrivals: 'constant', warmUp: '1s', stages: [{ at: '10/s', for: '26s' }], workload: SHORT },
    faults: [
      { id: 'slow-redis', kind: 'latency', on: 'gateway->redis', at: '1s', for: '2s', latency: '400ms' },
      { id: 'no-redis', kind: 'kill', on: 'redis', at: '4s', for: '2s' },
      { id: 'slow-control', kind: 'latency', on: 'gateway->control', at: '8s', for: '2s', latency: '500ms' },
      // Longer than a registration lives.
      { id: 'no-control', kind: 'kill', on: 'control', at: '11s', for: '3s' },
      { id: 'frozen', kind: 'pause', on: 'gateway-1', at: '16s', for: '2s' },
      { id: 'stopped', kind: 'stop', on: 'gateway-2', at: '20s', for: '2s' },
    ],
  });
  for (const id of ['slow-redis', 'no-redis', 'slow-control', 'no-control', 'frozen'])
    expect(during(run, id).failed, id).toBe(0);
  // The time that gateways give Redis, once for each until they stop waiting for it.
  expectWithin('slow Redis', during(run, 'slow-redis').ttftMs.max, 50, 150);
  for (const id of ['no-redis', 'slow-control', 'no-control'])
    expectWithin(id, during(run, id).latencyMs.max, 100, 250);
  for (const id of ['no-redis', 'no-control'])
    expectWithin(
      `${id} is back`,
      courseOf(run, id).goneMs,
      id === 'no-redis' ? 2300 : 3300,
      id === 'no-redis' ? 2500 : 3500,
    );
  expectWithin('frozen', during(run, 'frozen').latencyMs.max, 1700, 2300);
  expectWithin('stopped', during(run, 'stopped').ratio('reset', 'http-503'), 0.3, 0.6);
  expect(courseOf(run, 'stopped').evidence).toMatch(/gateway-2 #1 ended with exit code 0 \d+ ms after SIGTERM/);
  expect(run.load.failed).toBe(during(run, 'stopped').failed);
});
