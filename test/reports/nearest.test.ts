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
])('the name nearest to "%s" in %j is %s', (found, known, name) => {
  expect(nearest(found, known)).toBe(name);
});

test('a message suggests the nearest name, if there is one', () => {
  expect(didYouMean('htp', ['http'])).toBe('; did you mean "http"?');
  expect(didYouMean('bogus', ['stages'])).toBe('');
  // Right by itself, and wrong here for another reason.
  expect(didYouMean('http', ['http'])).toBe('');
});
