import type { Clock } from '../../../harness/clock.ts';
import type { Random } from '../../../harness/random.ts';
import { backoffMs } from '../../../harness/retry/backoff.ts';
import type { RetryBudget } from '../../../harness/retry/budget.ts';
import type { GatewayConfig } from '../config.ts';
import { ApiError } from '../http/api-error.ts';
import type { Exchange } from '../http/exchange.ts';
import type { GatewayMetrics } from '../metrics.ts';
import type { Upstream, UpstreamSet } from '../upstream/upstreams.ts';
import { type AttemptContext, type AttemptResult, attempt, type Failure } from './attempt.ts';
import { breakOff, relayedHeaders } from './relay.ts';

/** What {@link forward} needs. */
export interface ForwardContext extends AttemptContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly retries: GatewayConfig['retries'];
  readonly budget: RetryBudget;
  readonly upstreams: UpstreamSet;
  readonly metrics: GatewayMetrics;
  readonly ejected: (upstream: Upstream) => void;
}

type FailedAttempt = Extract<AttemptResult, { kind: 'failed' }>;

/** Status and explanation for a failure that reaches the client before the first byte. */
const FAILURES: Readonly<Record<Failure, readonly [status: number, code: string, message: string]>> = {
  connect: [502, 'upstream_unreachable', 'No connection to the upstream could be made.'],
  'connect-timeout': [504, 'upstream_connect_timeout', 'Connecting to the upstream took too long.'],
  reset: [502, 'upstream_reset', 'The upstream closed the connection before its answer was complete.'],
  'first-byte-timeout': [504, 'upstream_timeout', 'The upstream did not begin to answer in time.'],
  'idle-timeout': [504, 'upstream_idle_timeout', 'The upstream stopped in the middle of its answer.'],
  deadline: [504, 'deadline_exceeded', 'The time allowed for the request is up.'],
  status: [502, 'upstream_error', 'The upstream reported that it is unavailable.'],
};

/**
 * Gets the exchange answered by some upstream: tries, and before the first byte tries again elsewhere.
 * @throws ApiError when no upstream delivered and the client has seen nothing yet
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
    judge(upstream, exchange, result, context);
    if (result.kind === 'answered') return;
    if (result.kind === 'cancelled') return cancelled(exchange);
    exchange.reason = result.failure;
    if (result.committed) return broken(exchange, result, context);
    if (!(await waitForRetry(exchange, result, context))) return giveUp(exchange, result);
  }
}

/** Counts an attempt and tells ejection about it; what the client caused says nothing about the upstream. */
function judge(upstream: Upstream, exchange: Exchange, result: AttemptResult, context: ForwardContext): void {
  const { metrics, upstreams, clock, ejected } = context;
  metrics.attempted(upstream.name, result);
  if (result.kind === 'cancelled') return;
  const failure = result.kind === 'failed' ? result.failure : undefined;
  // A short deadline of the client's own, or one that ends a healthy stream, is no fault of the upstream.
  if (failure === 'deadline' && (exchange.deadlineLowered || exchange.firstByteMs !== undefined)) return;
  const success = result.kind === 'answered' && result.status < 500;
  if (upstreams.record(upstream, success, clock.nowMs())) ejected(upstream);
}

/** True when another attempt is allowed, after its backoff; false when this was the last. */
async function waitForRetry(exchange: Exchange, result: FailedAttempt, context: ForwardContext): Promise<boolean> {
  const { retries, budget, clock, random, metrics } = context;
  if (result.failure === 'deadline' || exchange.attempts > retries.max) return false;
  const waitMs = backoffMs(retries, exchange.attempts, random);
  if (clock.nowMs() + waitMs >= exchange.deadlineMs) return false;
  if (!budget.withdraw(clock.nowMs())) {
    metrics.retriesDenied.inc();
    return false;
  }
  metrics.retries.labels(result.failure).inc();
  const left = new AbortController();
  exchange.onClientGone = () => left.abort();
  if (!exchange.clientGone) await clock.sleep(waitMs, left.signal).catch(() => {});
  exchange.onClientGone = undefined;
  return !exchange.clientGone;
}

function giveUp(exchange: Exchange, { failure, held }: FailedAttempt): void {
  if (exchange.clientGone) {
    cancelled(exchange);
    return;
  }
  exchange.outcome = 'failed';
  if (!held) {
    const [status, code, message] = FAILURES[failure];
    throw new ApiError(status, code, message);
  }
  exchange.response.writeHead(held.status, relayedHeaders(exchange, held.headers));
  exchange.response.end(held.body);
}

function broken(exchange: Exchange, { failure }: FailedAttempt, { metrics, deadlines, clock }: ForwardContext): void {
  const [, code, message] = FAILURES[failure];
  exchange.outcome = 'broken';
  metrics.broken.labels(failure).inc();
  breakOff(exchange, code, message, deadlines, clock.nowMs());
}

function cancelled(exchange: Exchange): void {
  exchange.outcome = 'cancelled';
  exchange.reason = 'client-gone';
}

function noUpstream(exchange: Exchange): ApiError {
  exchange.outcome = 'failed';
  exchange.reason = 'no-upstream';
  return new ApiError(503, 'no_upstream', 'No upstream is ready to take the request.', null, ['retry-after', '1']);
}
