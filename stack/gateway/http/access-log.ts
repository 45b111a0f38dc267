import type { Logger } from 'pino';
import type { Exchange } from './exchange.ts';

/** Status in logs and metrics when the client disconnected before a status was sent (nginx's convention). */
const CLIENT_CLOSED_REQUEST = 499;

/** Status sent to the client, or {@link CLIENT_CLOSED_REQUEST}. */
export function statusOf(exchange: Exchange): number {
  return exchange.response.headersSent ? exchange.response.statusCode : CLIENT_CLOSED_REQUEST;
}

/** Writes the log line of a request. Durations are in milliseconds with one decimal; bodies and keys are never logged. */
export function logRequest(log: Logger, exchange: Exchange, durationMs: number): void {
  const { trace, requestId, request, route, streamed, attempts, upstream, queuedMs, firstByteMs } = exchange;
  const { priority, outcome, reason } = exchange;
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
    cache: exchange.cacheHeaders[1],
    merged: exchange.isMerged || undefined,
    priority,
    version: exchange.version,
    ...exchange.charge?.fields,
    queuedMs: queuedMs > 0 ? roundToTenth(queuedMs) : undefined,
    ttfbMs: firstByteMs === undefined ? undefined : roundToTenth(firstByteMs),
    durationMs: roundToTenth(durationMs),
    outcome,
    reason,
  };
  if (outcome === 'failed' || outcome === 'truncated') log.warn(line, 'request');
  else log.info(line, 'request');
}

function roundToTenth(durationMs: number): number {
  return Math.round(durationMs * 10) / 10;
}
