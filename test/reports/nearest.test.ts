import { expect, test } from 'vitest';
import { didYouMean, nearest } from '../../reports/nearest.ts';

// One edit in every three characters begun.
test.each([
  ['latncy', ['kill', 'latency'], 'latency'],
  ['constnat', ['constant', 'closed'], 'constant'],
  ['htp', ['chat', 'http'], 'http'],
  ['latency', ['latencyMs', 'jitterMs'], 'latencyMs'],
  ['LatencyMS', ['latencyMs'], 'latencyMs'],
  ['kil', ['pill', 'kill'], 'kill'],
  ['bogus', ['stages', 'trace', 'model'], undefined],
  ['fault:slow', ['baseline', 'whole'], undefined],
  ['onn', ['off', 'auto'], undefined],
  ['x', [], undefined],
])('"%s" among %j is near to %s', (found, known, name) => {
  expect(nearest(found, known)).toBe(name);
});

test('a message asks for the nearest name, or nothing', () => {
  expect(didYouMean('htp', ['http'])).toBe('; did you mean "http"?');
  expect(didYouMean('bogus', ['stages'])).toBe('');
});
