import type { Random } from '../../../harness/random.ts';
import { backoffMs } from '../../../harness/retry/backoff.ts';
import type { RetryBudget } from '../../../harness/retry/budget.ts';
import type { GatewayConfig } from '../config.ts';
import { ApiError } from '../http/api-error.ts';
import type { Exchange } from '../http/exchange.ts';
import type { GatewayMetrics } from '../metrics.ts';
import type { Upstream, UpstreamSet } from '../upstream/upstreams.ts';
import { type AttemptContext, type AttemptResult, attempt, type Failure } from './attempt.ts';
import { abortResponse, relayedHeaders } from './relay.ts';

/** Dependencies of {@link forward}. */
export interface ForwardContext extends AttemptContext {
  readonly random: Random;
  readonly retries: GatewayConfig['retries'];
  readonly budget: RetryBudget;
  readonly upstreams: UpstreamSet;
  readonly metrics: GatewayMetrics;
  readonly onEjected: (upstream: Upstream) => void;
}

type FailedAttempt = Extract<AttemptResult, { kind: 'failed' }>;

/** Status, code and message of a failure that occurs before the first byte. */
const FAILURES: Readonly<Record<Failure, readonly [status: number, code: string, message: string]>> = {
  connect: [502, 'upstream_unreachable', 'Cannot connect to the upstream.'],
  'connect-timeout': [504, 'upstream_connect_timeout', 'Connecting to the upstream timed out.'],
  reset: [502, 'upstream_reset', 'The upstream closed the connection before its response was complete.'],
  'first-byte-timeout': [504, 'upstream_timeout', 'The upstream did not send a first byte in time.'],
  'idle-timeout': [504, 'upstream_idle_timeout', 'The upstream stalled in the middle of its response.'],
  deadline: [504, 'deadline_exceeded', 'The deadline of the request has passed.'],
  status: [502, 'upstream_error', 'The upstream reported that it is unavailable.'],
};

/**
 * Forwards the exchange to an upstream, retrying on others until the first byte is sent.
 * @throws ApiError when no upstream delivered a response and nothing has been sent to the client
 */
export async function forward(exchange: Exchange, context: ForwardContext): Promise<void> {
  const { clock, upstreams, budget } = context;
  const tried: Upstream[] = [];
  budget.deposit(clock.nowMs());
  for (;;) {
    const upstream = upstreams.pick(clock.nowMs(), tried);
    if (!upstream) throw noUpstream(exchange);
    tried.push(upstream);
    exchange.attempts += 1;
    exchange.upstream = upstream.name;
    const result = await attempt(exchange, upstream, context);
    recordAttempt(upstream, exchange, result, context);
    if (result.kind === 'completed') return;
    if (result.kind === 'cancelled') return markCancelled(exchange);
    exchange.reason = result.failure;
    if (result.committed) return truncate(exchange, result, context);
    if (!(await waitForRetry(exchange, result, context))) return giveUp(exchange, result);
  }
}

/** Records an attempt in the metrics and for outlier ejection. Failures caused by the client do not count against the upstream. */
function recordAttempt(upstream: Upstream, exchange: Exchange, result: AttemptResult, context: ForwardContext): void {
  const { metrics, upstreams, clock, onEjected } = context;
  metrics.recordAttempt(upstream.name, result);
  if (result.kind === 'cancelled') return;
  const failure = result.kind === 'failed' ? result.failure : undefined;
  // Not the upstream's fault: a deadline lowered by the client, or one that ends a healthy stream.
  if (failure === 'deadline' && (exchange.deadlineLowered || exchange.firstByteMs !== undefined)) return;
  const success = result.kind === 'completed' && result.status < 500;
  if (upstreams.record(upstream, success, clock.nowMs())) onEjected(upstream);
}

/** Waits for the backoff of the next attempt; false when no further attempt is allowed. */
async function waitForRetry(exchange: Exchange, result: FailedAttempt, context: ForwardContext): Promise<boolean> {
  const { retries, budget, clock, random, metrics } = context;
  if (result.failure === 'deadline' || exchange.attempts > retries.maxRetries) return false;
  const waitMs = backoffMs(retries, exchange.attempts, random);
  if (clock.nowMs() + waitMs >= exchange.deadlineMs) return false;
  if (!budget.withdraw(clock.nowMs())) {
    metrics.retriesDenied.inc();
    return false;
  }
  metrics.retries.labels(result.failure).inc();
  const disconnected = new AbortController();
  exchange.onClientDisconnect = () => disconnected.abort();
  if (!exchange.clientDisconnected) await clock.sleep(waitMs, disconnected.signal).catch(() => {});
  exchange.onClientDisconnect = undefined;
  return !exchange.clientDisconnected;
}

function giveUp(exchange: Exchange, { failure, buffered }: FailedAttempt): void {
  if (exchange.clientDisconnected) {
    markCancelled(exchange);
    return;
  }
  exchange.outcome = 'failed';
  if (!buffered) {
    const [status, code, message] = FAILURES[failure];
    throw new ApiError(status, code, message);
  }
  exchange.response.writeHead(buffered.status, relayedHeaders(exchange, buffered.headers));
  exchange.response.end(buffered.body);
}

function truncate(exchange: Exchange, { failure }: FailedAttempt, { metrics, deadlines, clock }: ForwardContext): void {
  const [, code, message] = FAILURES[failure];
  exchange.outcome = 'truncated';
  metrics.truncated.labels(failure).inc();
  abortResponse(exchange, code, message, deadlines, clock.nowMs());
}

function markCancelled(exchange: Exchange): void {
  exchange.outcome = 'cancelled';
  exchange.reason = 'client-disconnected';
}

function noUpstream(exchange: Exchange): ApiError {
  exchange.outcome = 'failed';
  exchange.reason = 'no-upstream';
  return new ApiError(503, 'no_upstream', 'No healthy upstream is available.', null, ['retry-after', '1']);
}
