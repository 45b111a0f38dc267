import { expect, test } from 'vitest';
import { SquallError } from '../../../harness/errors.ts';
import { seededRandom } from '../../../harness/random.ts';
import type { Objective } from '../../../reports/judge/check.ts';
import { parseObjective } from '../../../reports/judge/objective.ts';

/** An objective with what its kind adds. */
type Parsed = Objective & Readonly<Record<string, unknown>>;

test.each<[string, Parsed]>([
  [
    'p99(ttft) <= 800 ms',
    { kind: 'quantile', percentile: 99, metric: 'ttft', comparison: '<=', limit: 800, unit: 'ms' },
  ],
  [
    'p99.9(latency)<1.5s',
    { kind: 'quantile', percentile: 99.9, metric: 'latency', comparison: '<', limit: 1500, unit: 'ms' },
  ],
  [
    '  p50 ( itl )  <=  20ms ',
    { kind: 'quantile', percentile: 50, metric: 'itl', comparison: '<=', limit: 20, unit: 'ms' },
  ],
  [
    'p95( ttft|completed ) <= 1 s',
    { kind: 'quantile', percentile: 95, metric: 'ttft', completed: true, comparison: '<=', limit: 1000, unit: 'ms' },
  ],
  [
    'max(latency | completed) <= 1 s',
    { kind: 'maximum', metric: 'latency', completed: true, comparison: '<=', limit: 1000, unit: 'ms' },
  ],
  ['p5(user-throughput) >= 20/s', { kind: 'user-throughput', percentile: 5, comparison: '>=', limit: 20, unit: '/s' }],
  [
    'throughput(output-tokens) > 500/s',
    { kind: 'throughput', of: 'output-tokens', comparison: '>', limit: 500, unit: '/s' },
  ],
  ['max(ttft) < 2 s', { kind: 'maximum', metric: 'ttft', comparison: '<', limit: 2000, unit: 'ms' }],
  [
    'errors(reset, http-503) <= 3%',
    { kind: 'ratio', measure: 'errors', kinds: ['reset', 'http-503'], comparison: '<=', limit: 3, unit: '%' },
  ],
  ['errors <= 1%', { kind: 'ratio', measure: 'errors', kinds: null, comparison: '<=', limit: 1, unit: '%' }],
  [
    'errors(truncated) <= 3 %',
    { kind: 'ratio', measure: 'errors', kinds: ['truncated'], comparison: '<=', limit: 3, unit: '%' },
  ],
  [
    'errors(http-503) <= 0%',
    { kind: 'ratio', measure: 'errors', kinds: ['http-503'], comparison: '<=', limit: 0, unit: '%' },
  ],
  [
    'availability >= 99.9%',
    { kind: 'ratio', measure: 'availability', kinds: null, comparison: '>=', limit: 99.9, unit: '%' },
  ],
  ['dropped <= 0.1%', { kind: 'ratio', measure: 'dropped', kinds: null, comparison: '<=', limit: 0.1, unit: '%' }],
  ['throughput >= 1200/min', { kind: 'throughput', comparison: '>=', limit: 20, unit: '/s' }],
  [
    'recovery(node-1.kill) <= 10 s',
    { kind: 'recovery', fault: 'node-1.kill', comparison: '<=', limit: 10_000, unit: 'ms' },
  ],
  [
    'recovery(kill, from heal) <= 5 s',
    { kind: 'recovery', fault: 'kill', from: 'heal', comparison: '<=', limit: 5000, unit: 'ms' },
  ],
  ['recovery(kill,from onset) < 5 s', { kind: 'recovery', fault: 'kill', comparison: '<', limit: 5000, unit: 'ms' }],
  ['violations(attack) <= 0', { kind: 'violations', fault: 'attack', comparison: '<=', limit: 0, unit: '' }],
  ['rejected(attack) >= 99%', { kind: 'rejected', fault: 'attack', comparison: '>=', limit: 99, unit: '%' }],
  ['max(queue) <= 10', { kind: 'gauge', gauge: 'queue', comparison: '<=', limit: 10, unit: '' }],
  ['max( gpu-memory ) < 90 %', { kind: 'gauge', gauge: 'gpu-memory', comparison: '<', limit: 90, unit: '%' }],
  ['attempts <= 1.5', { kind: 'attempts', comparison: '<=', limit: 1.5, unit: '' }],
  ['abandoned <= 5%', { kind: 'ratio', measure: 'abandoned', kinds: null, comparison: '<=', limit: 5, unit: '%' }],
  [
    'goodput(2 s) >= 20/s',
    { kind: 'goodput', deadlines: [{ metric: 'latency', limitMs: 2000 }], comparison: '>=', limit: 20, unit: '/s' },
  ],
  [
    'goodput( ttft 500ms,latency 4 s ) > 95 %',
    {
      kind: 'goodput',
      deadlines: [
        { metric: 'ttft', limitMs: 500 },
        { metric: 'latency', limitMs: 4000 },
      ],
      comparison: '>',
      limit: 95,
      unit: '%',
    },
  ],
  [
    'slowdown( p99.9(latency) , fault:slow link ) <= 3',
    {
      kind: 'slowdown',
      percentile: 99.9,
      metric: 'latency',
      window: 'fault:slow link',
      comparison: '<=',
      limit: 3,
      unit: '',
      allowed: null,
    },
  ],
  [
    'slowdown(p50(ttft), load:peak) < 1.5 or 0.25 s',
    {
      kind: 'slowdown',
      percentile: 50,
      metric: 'ttft',
      window: 'load:peak',
      comparison: '<',
      limit: 1.5,
      unit: '',
      allowed: 250,
    },
  ],
  ['growth(memory) <= 10%', { kind: 'growth', gauge: 'memory', comparison: '<=', limit: 10, unit: '%' }],
])('reads %s', (text, expected) => {
  expect(parseObjective(text).objective).toEqual(expected);
});

test.each([
  ['', 'found nothing at character 1, expected a measure'],
  [
    'p99(tftf) <= 800 ms',
    'found "tftf" at character 4, expected a latency in parentheses after p99: ttft, itl, tpot, latency; the nearest is ttft',
  ],
  [
    'p99(ttft | complete) <= 1 s',
    'found "complete" at character 4, expected "completed" after "|" in p99(ttft | completed)',
  ],
  ['p99(ttft | completed | failed) <= 1 s', 'found "completed | failed" at character 4'],
  ['max(queue | completed) <= 1', 'expected a latency or a gauge'],
  ['p5(user-throughput) <= 20/s', 'expected >= or >'],
  ['p5(user-throughput) >= 20', 'expected a rate'],
  ['throughput(tokens) >= 20/s', 'expected what is counted in parentheses after throughput: output-tokens'],
  ['p99 <= 800 ms', 'expected a latency in parentheses after p99'],
  ['p99(ttft) <= 800', 'found "800" at character 14, expected a duration'],
  ['p99(ttft) <= 5%', 'expected a duration'],
  ['p99(ttft) = 800 ms', 'found "= 800 ms" at character 11, expected one of <=, <, >= or >'],
  ['p99(ttft) >= 800 ms', 'found ">=" at character 11, expected <= or <'],
  ['p99(ttft', 'expected an argument and ")"'],
  ['p99(ttft) <= 800 ms or so', 'found "800 ms or so" at character 14'],
  ['p100(ttft) <= 1 s', 'a percentile between p0 and p100'],
  ['p0(ttft) <= 1 s', 'a percentile between p0 and p100'],
  ['error <= 1%', 'the nearest is errors'],
  ['errors <= 1', 'expected a percentage'],
  ['errors <= 101%', 'expected a percentage'],
  ['errors(trunkated) <= 1%', 'the nearest is truncated'],
  ['errors(dropped) <= 1%', 'expected a kind of failure'],
  ['errors(http-999) <= 1%', 'expected a kind of failure'],
  ['availability <= 99%', 'expected >= or >'],
  ['availability(ok) >= 99%', 'expected no argument after availability'],
  ['throughput >= 20', 'expected a rate'],
  ['throughput >= -1/s', 'expected a rate'],
  ['recovery <= 10 s', 'the id of a fault in parentheses'],
  ['recovery() <= 10 s', 'the id of a fault in parentheses'],
  ['recovery(kill, from start) <= 10 s', 'found "from start" at character 9, expected "from heal" or "from onset"'],
  ['recovery(kill, from heal, x) <= 10 s', 'expected "from heal" or "from onset"'],
  ['max(queu) <= 10', 'the nearest is queue'],
  ['max(queue) <= 10%', 'found "10%" at character 15, expected a count such as "10"'],
  ['max(queue) <= 10 ms', 'expected a count'],
  ['max(queue) <= -1', 'expected a count'],
  ['max(queue) >= 10', 'expected <= or <'],
  ['max(gpu-memory) <= 90', 'expected a percentage'],
  ['max(memory) <= 90', 'after max: ttft, itl, tpot, latency, queue, running, in-flight, kv-cache, gpu, gpu-memory'],
  ['p99(queue) <= 10', 'expected a latency in parentheses after p99'],
  ['growth(queue) <= 10%', 'a gauge in parentheses after growth: memory'],
  ['attempts >= 1.5', 'expected <= or <'],
  ['attempts <= 150%', 'expected a count'],
  ['abandoned >= 5%', 'expected <= or <'],
  ['goodput >= 95%', 'expected deadlines in parentheses after goodput'],
  ['goodput(itl 50 ms) >= 95%', 'found "itl 50 ms" at character 8, expected deadlines'],
  ['goodput(ttft 5) >= 95%', 'expected deadlines'],
  ['goodput(2 s) <= 95%', 'expected >= or >'],
  ['goodput(2 s) >= 95', 'expected a rate'],
  [
    'slowdown <= 3',
    'expected a quantile and a window, such as (p99(latency), fault:kill), in parentheses after slowdown',
  ],
  [
    'slowdown(p99(latency)) <= 3',
    'expected a quantile such as p99(latency) of ttft, itl, tpot, latency, a comma and a window',
  ],
  ['slowdown(max(latency), fault:x) <= 3', 'expected a quantile such as p99(latency)'],
  ['slowdown(p100(latency), fault:x) <= 3', 'expected a quantile such as p99(latency)'],
  ['slowdown(p99(queue), fault:x) <= 3', 'expected a quantile such as p99(latency)'],
  ['slowdown(p99(latency), baseline) <= 3', 'found "baseline" at character 9, expected a window after the quantile'],
  ['slowdown(p99(latency), fault:x) >= 3', 'expected <= or <'],
  ['slowdown(p99(latency), fault:x) <= 3 s', 'found "s" at character 38, expected the end, or an allowance'],
  ['slowdown(p99(latency), fault:x) <= 3 or', 'found nothing at character 40, expected a duration'],
  ['slowdown(p99(latency), fault:x) <= 3 or 5', 'found "5" at character 41, expected a duration'],
  ['slowdown(p99(latency), fault:x <= 3', 'expected an argument and ")"'],
  ['slowdow(p99(latency), fault:x) <= 3', 'the nearest is slowdown'],
  ['growth <= 10%', 'a gauge in parentheses after growth'],
])('refuses "%s" and says why', (text, message) => {
  let thrown: unknown;
  try {
    parseObjective(text);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(SquallError);
  expect(thrown).toMatchObject({ kind: 'scenario', code: 'BAD_OBJECTIVE', message: expect.stringContaining(message) });
  expect((thrown as SquallError).message).toContain('p99(ttft) <= 800 ms');
});

test('every objective is parsed from its text', () => {
  const random = seededRandom(3);
  const limit = () => Number((random.next() * 100).toFixed(random.integer(0, 4)));
  for (let round = 0; round < 500; round += 1) {
    const up = { comparison: random.pick(['>=', '>'] as const), limit: limit() };
    const down = { comparison: random.pick(['<=', '<'] as const), limit: limit() };
    const metric = random.pick(['ttft', 'itl', 'tpot', 'latency'] as const);
    const percentile = random.pick([0.5, 50, 99, 99.99]);
    const outcome = random.pick(['reset', 'http-429']);
    const gauge = random.pick(['queue', 'running', 'in-flight']);
    const fullness = random.pick(['kv-cache', 'gpu', 'gpu-memory']);
    const fault = random.pick(['kill', 'slow link', 'ä→b']);
    const window = random.pick(['fault:kill', 'load:a b', 'recovery:ä→b']);
    const limitMs = limit();
    const allowed = random.pick([null, limit()]);
    const [measure, objective] = random.pick<[string, Parsed]>([
      [`p${percentile}(${metric})`, { kind: 'quantile', percentile, metric, ...down, unit: 'ms' }],
      [`max(${metric})`, { kind: 'maximum', metric, ...down, unit: 'ms' }],
      ['errors', { kind: 'ratio', measure: 'errors', kinds: null, ...down, unit: '%' }],
      [`errors(${outcome})`, { kind: 'ratio', measure: 'errors', kinds: [outcome], ...down, unit: '%' }],
      ['availability', { kind: 'ratio', measure: 'availability', kinds: null, ...up, unit: '%' }],
      ['throughput', { kind: 'throughput', ...up, unit: '/s' }],
      [`max(${gauge})`, { kind: 'gauge', gauge, ...down, unit: '' }],
      [`max(${fullness})`, { kind: 'gauge', gauge: fullness, ...down, unit: '%' }],
      [`mean(${fullness})`, { kind: 'mean', gauge: fullness, ...random.pick([up, down]), unit: '%' }],
      ['growth(memory)', { kind: 'growth', gauge: 'memory', ...down, unit: '%' }],
      ['attempts', { kind: 'attempts', ...down, unit: '' }],
      [
        `goodput(ttft ${limitMs} ms)`,
        { kind: 'goodput', deadlines: [{ metric: 'ttft', limitMs }], ...up, unit: random.pick(['%', '/s']) },
      ],
      [`recovery(${fault})`, { kind: 'recovery', fault, ...down, unit: 'ms' }],
      [
        `slowdown(p${percentile}(${metric}), ${window})`,
        { kind: 'slowdown', percentile, metric, window, ...down, unit: '', allowed },
      ],
      [`rejected(${fault})`, { kind: 'rejected', fault, ...up, unit: '%' }],
      [`violations(${fault})`, { kind: 'violations', fault, ...down, unit: '' }],
    ]);
    const { comparison, limit: bound, unit } = objective;
    const text = `${measure} ${comparison} ${bound}${unit === 'ms' ? ' ms' : unit}`;
    const hasAllowance = objective.kind === 'slowdown' && allowed !== null;
    expect(parseObjective(hasAllowance ? `${text} or ${allowed} ms` : text).objective).toEqual(objective);
  }
});
