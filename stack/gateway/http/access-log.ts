import type { Logger } from 'pino';
import type { Exchange } from './exchange.ts';

/** Status that logs and metrics show when the client left before any was sent (nginx's convention). */
const CLIENT_CLOSED_REQUEST = 499;

/** The status the client saw, or {@link CLIENT_CLOSED_REQUEST}. */
export function statusOf(exchange: Exchange): number {
  return exchange.response.headersSent ? exchange.response.statusCode : CLIENT_CLOSED_REQUEST;
}

/** Writes the one log line of a request. Durations are milliseconds with one decimal; bodies and keys are never logged. */
export function logRequest(log: Logger, exchange: Exchange, durationMs: number): void {
  const { trace, requestId, request, route, streamed, attempts, upstream, firstByteMs, outcome, reason } = exchange;
  const line = {
    traceId: trace.traceId,
    spanId: trace.spanId,
    parentSpanId: trace.parentSpanId,
    requestId: requestId === trace.traceId ? undefined : requestId,
    method: request.method,
    route,
    status: statusOf(exchange),
    stream: streamed,
    attempts,
    upstream: upstream || undefined,
    ttfbMs: firstByteMs === undefined ? undefined : tenths(firstByteMs),
    durationMs: tenths(durationMs),
    outcome,
    reason,
  };
  if (outcome === 'failed' || outcome === 'broken') log.warn(line, 'request');
  else log.info(line, 'request');
}

function tenths(durationMs: number): number {
  return Math.round(durationMs * 10) / 10;
}
