import { expect, test } from 'vitest';
import { seededRandom } from '../../../../harness/random.ts';
import { joinTrace, traceparentOf } from '../../../../stack/gateway/http/trace-context.ts';

const random = seededRandom(5);
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

test('continues the caller’s trace in a child span', () => {
  const trace = joinTrace(`00-${TRACE}-00f067aa0ba902b7-01`, random);
  expect(trace).toMatchObject({ traceId: TRACE, parentSpanId: '00f067aa0ba902b7', flags: '01' });
  expect(traceparentOf(trace)).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`));
  expect(trace.spanId).not.toBe('00f067aa0ba902b7');
});

test.each([
  undefined,
  '',
  'nonsense',
  `ff-${TRACE}-00f067aa0ba902b7-01`,
  `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
  `00-${TRACE}-${'0'.repeat(16)}-01`,
  `00-${TRACE.toUpperCase()}-00f067aa0ba902b7-01`,
])('starts a new trace instead of %j', header => {
  const trace = joinTrace(header, random);
  expect(trace.traceId).toMatch(/^[0-9a-f]{32}$/);
  expect(trace.traceId).not.toBe(TRACE);
  expect(trace.parentSpanId).toBeUndefined();
});
