import { type Exchange, TIMEOUT_HEADER } from '../http/exchange.ts';
import { traceparentOf } from '../http/trace-context.ts';

/** Headers for the upstream: content type, trace, request id and remaining time, but not the client's API key. */
export function requestHeaders(exchange: Exchange, nowMs: number): string[] {
  const { accept, tracestate } = exchange.request.headers;
  const headers = ['content-type', 'application/json', 'accept', accept ?? '*/*'];
  headers.push(
    'traceparent',
    traceparentOf(exchange.trace, exchange.attemptSpan?.spanId),
    'x-request-id',
    exchange.requestId,
  );
  headers.push(TIMEOUT_HEADER, String(Math.max(1, Math.floor(exchange.deadlineMs - nowMs))));
  // It belongs to a trace that was continued (W3C Trace Context, 3.3).
  if (typeof tracestate === 'string' && exchange.trace.parentSpanId !== undefined)
    headers.push('tracestate', tracestate);
  return headers;
}
