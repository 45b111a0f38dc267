import { expect, test } from 'vitest';
import { CHECKS, parseObjective } from '../../../../reports/judge/objective.ts';
import { planOf } from '../../runs.ts';
import { scriptedPlan } from './scripted.ts';

test.each([
  [
    'scaling(step).restored <= 120 s',
    { step: 'step', path: 'restored', weights: { step: -1, restored: 1 }, limit: 120_000 },
  ],
  [
    'scaling( load:peak ) . decided -> ready < 90s',
    { step: 'load:peak', weights: { decided: -1, ready: 1 }, comparison: '<' },
  ],
  ['scaling(first step).signal+started->served <= 1m', { weights: { step: -1, signal: 1, started: -1, served: 1 } }],
  ['scaling(step).signal + signal→decided <= 1 s', { weights: { step: -1, signal: 0, decided: 1 } }],
  ['scaling(fault:a b).ready <= 1 s', { step: 'fault:a b' }],
  ['lost(drain) < 1', { kind: 'lost', limit: 1 }],
  ['oscillations(window 1m30s) <= 2', { windowMs: 90_000, limit: 2 }],
  ['overprovisioned(2.5/s) <= 30%', { measure: 'overprovisioned', capacityPerSecond: 2.5, unit: '%' }],
  ['underprovisioned(600/min) <= 5 min', { capacityPerSecond: 10, limit: 300_000, unit: 'ms' }],
  ['cost(1.5M tokens) <= 2.5 $', { count: 1_500_000, of: 'tokens', limit: 2.5, unit: '$' }],
])('parses %s', (text, expected) => {
  expect(parseObjective(text).objective).toMatchObject(expected);
});

test.each([
  ['scaling.restored <= 1 s', 'found "scaling.restored" at character 1, expected a measure'],
  ['scaling <= 1 s', 'found nothing at character 9, expected a step'],
  ['scaling(step) <= 1 s', 'found nothing at character 15, expected a stage after scaling(…)'],
  ['scaling(steps).ready <= 1 s', 'found "steps" at character 8, expected a step'],
  ['scaling(load:).ready <= 1 s', 'expected a step'],
  ['scaling(step).redy <= 1 s', 'the nearest is ready'],
  ['scaling(step).ready->decided <= 1 s', 'expected an earlier and a later stage'],
  ['scaling(step).ready->ready <= 1 s', 'expected an earlier and a later stage'],
  ['scaling(step).signal->decided->ready <= 1 s', 'expected two stages with one arrow'],
  ['scaling(step).signal + <= 1 s', 'expected a stage'],
  ['scaling(fall).restored <= 1 s', 'expected a stage: signal, decided'],
  ['scaling(step).ready >= 1 s', 'expected <= or <'],
  ['scaling(step).ready <= 1', 'expected a duration'],
  ['p99(ttft).ready <= 1 s', 'found ".ready" at character 10, expected one of <=, <, >= or >'],
  ['lost <= 0', 'drain'],
  ['lost(drains) <= 0', 'the nearest is drain'],
  ['oscillations <= 1', 'a window after oscillations'],
  ['oscillations(10m) <= 1', 'a window after oscillations'],
  ['oscillations(window 0s) <= 1', 'a window after oscillations'],
  ['overprovisioned(20) <= 5%', 'the requests that a replica can serve'],
  ['overprovisioned(0/s) <= 5%', 'the requests that a replica can serve'],
  ['overprovisioned <= 5%', 'the requests that a replica can serve'],
  ['overprovisioned(2/s) <= 5', 'expected a duration'],
  ['cost <= 1 $', 'expected an amount'],
  ['cost(requests) <= 1 $', 'expected an amount'],
  ['cost(0 requests) <= 1 $', 'expected an amount'],
  ['cost(1000 requets) <= 1 $', 'the nearest is requests'],
  ['cost(1000 requests) <= 1', 'expected an amount such as "0.4 $"'],
  ['cost(1000 requests) <= $1$', 'expected an amount such as "0.4 $"'],
  ['cost(1000 requests) <= 1 €', 'expected an amount such as "0.4 $"'],
])('refuses "%s" and says why', (text, message) => {
  expect(() => parseObjective(text)).toThrow(message);
});

test('a step that the load does not have can never pass', () => {
  const { load, faults } = scriptedPlan();
  const impossible = (text: string, plan = { load, faults }) => {
    const { check, objective } = parseObjective(text);
    return check.impossible?.(objective, plan);
  };
  expect(impossible('scaling(load:peak).ready <= 1 s')).toBeUndefined();
  expect(impossible('scaling(load:before).ready <= 1 s')).toContain('load:peak, load:after');
  expect(impossible('scaling(step).ready <= 1 s', planOf())).toContain('a load that rises');
  expect(impossible('scaling(fall).decided <= 1 s', planOf())).toContain('a load that falls');
});

test('an objective that is followed over time tells of each request whether it misses it', () => {
  const tallied = CHECKS.filter(({ tally }) => tally).map(({ kind }) => kind);
  expect(tallied.sort()).toEqual(['goodput', 'quantile', 'ratio']);
});
