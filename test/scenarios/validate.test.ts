import { describe, expect, it } from 'vitest';
import { override } from '../../scenarios/override.ts';
import { validateScenario } from '../../scenarios/validate.ts';

const SCENARIO = {
  name: 'x',
  why: 'y',
  load: { stages: [{ at: '20/s', for: '10s' }] },
  slos: [{ name: 's', objective: 'errors <= 1%' }],
};
const LATENCY = { kind: 'latency', on: 'gateway->inference-1', at: '1s', for: '1s', latency: '5ms' };
const DURATION = 'expected a duration such as "10s", "250ms" or "1m30s" (units: us, ms, s, m or min, h)';

function refusal(raw: unknown): string {
  try {
    validateScenario(raw, 'x.yaml');
  } catch (error) {
    expect(error).toMatchObject({ code: 'BAD_SCENARIO', next: expect.stringContaining('squall schema') });
    return (error as Error).message;
  }
  throw new Error('it was accepted');
}

describe('what does not fit', () => {
  it.each<[string, unknown, string]>([
    [
      'load.stages.0.at',
      50,
      '`load.stages[0].at`: expected a rate of 0 or more such as "20/s" or "1000/min" (units: /s, /m or /min, /h), found 50 (number)',
    ],
    ['load.stages.0.for', 3, `\`load.stages[0].for\`: ${DURATION}, found 3 (number)`],
    ['slos', undefined, '`slos`: expected a list that is not empty, found nothing'],
    ['slos', null, '`slos`: expected a list that is not empty, found null'],
    ['name', 5, '`name`: expected a string, found 5 (number)'],
    ['name', 'A B', '`name`: expected lower-case letters, digits and dashes, found "A B" (string)'],
    [
      'stack.inference.replicas',
      'three',
      '`stack.inference.replicas`: expected a whole number from 1 to 64, found "three" (string)',
    ],
    [
      'stack.inference.replicas',
      300,
      '`stack.inference.replicas`: expected a whole number from 1 to 64, found 300 (number)',
    ],
    [
      'stack.timeScale',
      0,
      '`stack.timeScale`: expected a number from 1 to 1000 (divisor of long durations, such as the load time of a model), found 0 (number)',
    ],
    [
      'stack.virtual',
      { cpu: -1 },
      '`stack.virtual.cpu`: expected a number from 0 to 1000 (CPU time that services take in virtual time: a multiple of what was measured, 0 for none; or by service), found -1 (number)',
    ],
    [
      'stack.virtual',
      { cpu: { gateway: { request: '2h' } } },
      '`stack.virtual.cpu.gateway.request`: expected a duration from 0ms to 1m, found "2h" (string)',
    ],
    [
      'stack.virtual',
      { cpu: { gatway: {} } },
      'unknown key `stack.virtual.cpu.gatway`; did you mean "gateway"? Known: gateway, inference, control',
    ],
    [
      'load.workload',
      { kind: 'htp' },
      '`load.workload.kind`: expected one of "chat", "http", found "htp" (string); did you mean "http"?',
    ],
    [
      'load.workload',
      { promptTokens: 0 },
      '`load.workload.promptTokens`: expected a whole number from 1 to 1000000 (a fixed number), found 0 (number)',
    ],
    [
      'load.workload',
      { promptTokens: [9, 5] },
      '`load.workload.promptTokens`: expected [min, max] with min ≤ max, found [9,5] (list)',
    ],
    [
      'load.workload',
      { kind: 'http', path: '/', headers: { 'a b': 'c' } },
      '`load.workload.headers.a b`: expected a header name, found a string that is not shown',
    ],
    [
      'load.arrivals',
      'constnat',
      '`load.arrivals`: expected one of "constant", "poisson", "trace", "closed" or an object whose `kind` is one of "gamma", "closed", found "constnat" (string); did you mean "constant"?',
    ],
    [
      'load.arrivals',
      { kind: 'closed', thinkTime: 5 },
      `\`load.arrivals.thinkTime\`: ${DURATION} or a list of 2 (a duration, or [min, max] for a uniform distribution), found 5 (number)`,
    ],
    [
      'stack.capacity',
      { pools: [{ name: 'a', max: 1, pricePerHour: 1 }], workloads: [{ name: 'b', priority: 75 }] },
      '`stack.capacity.workloads[0].priority`: expected one of 90, 50, 10, found 75 (number)',
    ],
    [
      'stack.capacity',
      {
        pools: [{ name: 'a', max: 1, pricePerHour: 1 }],
        workloads: [{ name: 'b', priority: 10, disruptionBudget: { minAvailable: 1, maxUnavailable: 1 } }],
      },
      '`stack.capacity.workloads[0].disruptionBudget.maxUnavailable`: expected nothing beside `minAvailable`',
    ],
    ['load.stages', [5], '`load.stages[0]`: expected an object with `for`, found 5 (number)'],
    ['load.bogus', 1, 'unknown key `load.bogus`. Known: engine, arrivals, warmUp'],
    ['faults', [{ ...LATENCY, latency: 5 }], `\`faults[0].latency\`: ${DURATION} from 1ms to 1m, found 5 (number)`],
    [
      'faults',
      [{ ...LATENCY, latency: '2m' }],
      '`faults[0].latency`: expected a duration from 1ms to 1m, found "2m" (string)',
    ],
    [
      'faults',
      [{ ...LATENCY, jitter: '6ms' }],
      '`faults[0].jitter`: expected at most `latency`, for a delay cannot be negative, found "6ms" (string)',
    ],
    [
      'stack.gateway.timeouts',
      { firstByteMs: 5 },
      'unknown key `stack.gateway.timeouts.firstByteMs`; did you mean "firstByte"?',
    ],
    [
      'stack.gateway.connections.headers',
      'of',
      '`stack.gateway.connections.headers`: expected "off" or a duration such as',
    ],
    [
      'slos.0.objective',
      'p99(tftf) <= 1 s',
      'or "recovery(kill) <= 10 s" (found "tftf" at character 4, expected a latency in parentheses after p99: ttft, itl, tpot, latency; the nearest is ttft), found "p99(tftf) <= 1 s" (string)',
    ],
    ['faults', [{ ...LATENCY, kind: 'latncy' }], 'found "latncy" (string); did you mean "latency"?'],
    [
      'faults',
      [{ ...LATENCY, jitterMs: 5 }],
      'unknown key `faults[0].jitterMs`; did you mean "jitter"? Known: id, kind, on, at, for, latency, jitter, stream',
    ],
    [
      'faults',
      [{ ...LATENCY, id: 'a b' }],
      '`faults[0].id`: expected letters, digits, dashes and underscores, found "a b" (string)',
    ],
  ])('is described in the words of its field: %s', (path, value, message) => {
    const lines = refusal(override(SCENARIO, { [path]: value })).split('\n  - ');
    expect(lines).toHaveLength(2);
    expect(lines[1]).toContain(message);
  });

  it.each([
    [[1, 2], '[1,2] (list)'],
    ['hello', 'a string'],
    [undefined, 'nothing'],
  ])('names the whole file: %j', (raw, found) => {
    expect(refusal(raw)).toBe(
      `x.yaml is not a scenario:\n  - expected an object with \`name\`, \`why\`, \`load\`, \`slos\`, found ${found}`,
    );
  });

  it('lists only the parameters of the kind of fault, and no kind that is for tests alone', () => {
    expect(refusal({ ...SCENARIO, faults: [{ ...LATENCY, bogus: 5 }] })).toMatch(/latency, jitter, stream, toxicity$/);
    const kinds = refusal({ ...SCENARIO, faults: [{}] });
    expect(kinds).toMatch(/`faults\[0\]\.kind`: expected one of .*"kill".*, found nothing/);
    expect(kinds).not.toContain('noop');
  });

  it.each([
    [{ kind: 'bandwidth', rate: '50' }, 'rate`: expected a data rate such as "50KB/s"'],
    [{ kind: 'bandwidth', rate: '0.5KB/s' }, 'rate`: expected a data rate in whole KB/s from 1KB/s to 10MB/s'],
    [{ kind: 'bandwidth', rate: '0KB/s' }, 'rate`: expected a data rate in whole KB/s from 1KB/s to 10MB/s'],
    [{ kind: 'bandwidth', rateKBps: 5 }, 'unknown key `faults[0].rateKBps`'],
    [{ kind: 'limit-data', limit: '16KX' }, 'limit`: expected a size such as "16KB"'],
    [{ kind: 'limit-data', limit: '1.5B' }, 'limit`: expected a size in whole bytes from 1B to 10MB'],
    [{ kind: 'slicer', averageSize: '0B' }, 'averageSize`: expected a size in whole bytes from 1B to 1MB'],
    [
      { kind: 'slicer', averageSize: '100B', sizeVariation: '100B' },
      'sizeVariation`: expected less than `averageSize`, found "100B"',
    ],
    [{ kind: 'slow-close', delay: '1s', stream: 'upstream' }, 'unknown key `faults[0].stream`'],
    [{ kind: 'timeout', toxicity: 0 }, 'toxicity`: expected a number from 0.1 to 1'],
    [{ kind: 'down', toxicity: 0.5 }, 'unknown key `faults[0].toxicity`'],
    [{ kind: 'slow_close', delay: '1s' }, 'did you mean "slow-close"?'],
  ])('of a toxic, names the key and its unit: %j', (toxic, message) => {
    const fault = { on: 'client->gateway-1', at: '1s', for: '1s', ...toxic };
    expect(refusal({ ...SCENARIO, faults: [fault] })).toContain(message);
  });

  it.each([
    [3n, '3 (bigint)'],
    [Number.NaN, 'NaN (number)'],
    [Math.abs, 'function abs() { [native code] } (function)'],
  ])('is shown though no file could hold it: %s', (name, found) => {
    expect(refusal({ ...SCENARIO, name })).toContain(`\`name\`: expected a string, found ${found}`);
  });

  it('is cut where it is long', () => {
    expect(refusal({ ...SCENARIO, name: ['x'.repeat(500)] }).length).toBeLessThan(250);
  });
});
