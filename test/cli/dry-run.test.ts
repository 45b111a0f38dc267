import { stripVTControlCharacters } from 'node:util';
import { expect, it } from 'vitest';
import { planLines } from '../../cli/dry-run.ts';
import { compileScenario } from '../../scenarios/compile.ts';
import { validateScenario } from '../../scenarios/validate.ts';

function linesOf(load: object): string[] {
  const slos = [{ name: 's', objective: 'errors <= 1%' }];
  const scenario = validateScenario({ name: 'x', why: 'y', load, slos }, 'x.yaml');
  const compiled = compileScenario(scenario, { seed: 1, platform: 'process', replay: '' });
  return planLines({ scenario, compiled }).map(line => stripVTControlCharacters(line));
}

it('shows what each stage does, where it ends as it began too', () => {
  const stages = [
    { to: '20/s', for: '2s' },
    { at: '20/s', for: '1s' },
    { name: 'burst', spike: '60/s', rise: '1s', for: '5s' },
    { spike: '9/s', for: '1s' },
    { name: 'day', sinusoid: { mean: '20/s', amplitude: '15/s', period: '30s' }, for: '60s' },
    { to: '5/s', for: '1s' },
  ];
  expect(linesOf({ arrivals: 'constant', stages })).toEqual([
    'x  seed 1, process',
    // 30 of the warm-up; 20 + 20 + 280 + 9 + 1200 + 12.5.
    expect.stringMatching(/^ {2}157[12] arrivals including the warm-up \(constant\), sha256 [0-9a-f]{16}…$/),
    '  requests: POST /v1/chat/completions, model qwen3-8b-fp8-h100',
    '    -3.0 s –    0.0 s  load  warm-up: 10 /s',
    '     0.0 s –    2.0 s  load  1: 0 → 20 /s',
    '     2.0 s –    3.0 s  load  2: 20 /s',
    '     3.0 s –    8.0 s  load  burst: 20 → 60 → 20 /s',
    '     8.0 s –    9.0 s  load  4: 20 → 9 → 20 /s',
    '     9.0 s –   69.0 s  load  day: 20/s ± 15/s, period 30s',
    '    69.0 s –   70.0 s  load  6: 20 → 5 /s',
    '  SLO   s: errors <= 1% in whole',
  ]);
});

it('says how large a long run becomes', () => {
  const day = (perSecond: number) => linesOf({ arrivals: 'constant', stages: [{ at: `${perSecond}/s`, for: '24h' }] });
  // 17,280 arrivals are no long run; 2,592,000 take 55 bytes each, and 800 of the logs of gateway and replica.
  expect(day(0.2).filter(line => line.includes('on disk'))).toEqual([]);
  expect(day(30)[2]).toBe('  about 140 MB of requests, 2.1 GB of logs on disk; judging takes 280 MB of memory');
});

it('warns of what can never pass', () => {
  const lines = linesOf({ arrivals: 'constant', stages: [{ at: '10/s', for: '5s' }] });
  expect(lines.at(-1)).toMatch(
    /^ {2}warning {2}SLO "s": errors <= 1% in whole needs 299 requests to pass, .* about 50 there/,
  );
});

it('shows users and connections of a closed loop', () => {
  const users = [
    { users: 5, for: '2s' },
    { toUsers: 8, for: '2s' },
  ];
  expect(linesOf({ arrivals: 'closed', stages: users }).slice(4, 6)).toEqual([
    '     0.0 s –    2.0 s  load  1: 5 users',
    '     2.0 s –    4.0 s  load  2: 5 → 8 users',
  ]);
  expect(linesOf({ engine: 'autocannon', connections: 5, stages: [{ for: '3s' }] })[4]).toMatch(/1: 5 connections$/);
});

it('shows what is sent, with references to the environment instead of keys', () => {
  process.env.SQUALL_TEST_KEY = 'very-secret';
  const load = {
    stages: [{ at: '5/s', for: '5s' }],
    model: 'm',
    path: '/x?a=b',
    headers: { 'API-Key': 'env:SQUALL_TEST_KEY' },
    body: { temperature: 0 },
    workload: { preset: 'chat-short', api: 'completions', stream: false },
  };
  const [line] = linesOf(load).filter(text => text.startsWith('  requests: '));
  expect(line).toBe(
    '  requests: POST /x?a=b, model m, no stream, headers api-key: env:SQUALL_TEST_KEY, body with {"temperature":0}',
  );
  expect(linesOf({ stages: load.stages, workload: { kind: 'http', path: '/health' } })).toContain(
    '  requests: GET /health',
  );
});
