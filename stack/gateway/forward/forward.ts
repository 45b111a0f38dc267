import type { Random } from '../../../harness/random.ts';
import { backoffMs } from '../../../harness/retry/backoff.ts';
import type { RetryBudget } from '../../../harness/retry/budget.ts';
import { retryAfterMs } from '../../../harness/retry/retry-after.ts';
import type { Admission } from '../admission/admission.ts';
import type { GatewayConfig } from '../config.ts';
import { ApiError, unavailable } from '../http/api-error.ts';
import type { Exchange } from '../http/exchange.ts';
import type { GatewayMetrics } from '../metrics.ts';
import type { Release } from '../release/release.ts';
import type { OpenSpan } from '../tracing/open-span.ts';
import { attemptAttributes, attemptName } from '../tracing/request-attributes.ts';
import type { BreakerChange } from '../upstream/breaker.ts';
import { isEjected, readmit } from '../upstream/ejection.ts';
import type { Upstream, UpstreamSet } from '../upstream/upstreams.ts';
import { attempt } from './attempt.ts';
import type { AttemptContext } from './attempt-context.ts';
import type { AttemptResult } from './attempt-result.ts';
import { FAILURES, type Failure, isClientError, isDisputed, isTimeout } from './failure.ts';
import type { RequestQueue } from './queue.ts';
import { abortResponse, relayWhole, type UpstreamResponse } from './relay.ts';

/** Dependencies of {@link forward}. */
export interface ForwardContext extends AttemptContext {
  readonly random: Random;
  readonly retries: GatewayConfig['retries'];
  readonly retryAfter: GatewayConfig['retryAfter'];
  readonly budget: RetryBudget;
  readonly upstreams: UpstreamSet;
  /** Where requests wait for an upstream; undefined when it is off. */
  readonly queue: RequestQueue | undefined;
  /** Where requests wait while every upstream has as many as it may have; undefined without such a limit. */
  readonly bulkhead: RequestQueue | undefined;
  /** Decides when a request may be sent; undefined when it is off. */
  readonly admission: Admission | undefined;
  /** Versions of models; undefined when it is off. */
  readonly release: Release | undefined;
  readonly metrics: GatewayMetrics;
  readonly onEjected: (upstream: Upstream, reason: Failure) => void;
  readonly onBreakerChange: (upstream: Upstream, change: BreakerChange) => void;
}

type FailedAttempt = Extract<AttemptResult, { kind: 'failed' }>;

/** An attempt's upstream, and its ticket at the circuit breaker. */
interface Visit {
  readonly upstream: Upstream;
  readonly ticket: number | undefined;
}

/** Attempts at upstreams that failed a request which may itself be to blame, and how. */
type Disputed = Map<Upstream, { readonly failure: Failure; readonly visit: Visit }>;

/**
 * Forwards the exchange to an upstream once it is admitted, retrying on others until output is sent.
 * @throws ApiError when it was not admitted, or no upstream delivered a response and nothing has been sent to the client
 */
export function forward(exchange: Exchange, context: ForwardContext): Promise<void> {
  const { admission } = context;
  return admission ? admission.admit(exchange, () => send(exchange, context)) : send(exchange, context);
}

async function send(exchange: Exchange, context: ForwardContext): Promise<void> {
  context.budget.deposit(context.clock.nowMs());
  const disputed: Disputed = new Map();
  try {
    await attemptUntilDone(exchange, context, disputed);
  } finally {
    for (const { outlier } of disputed.keys()) outlier.disputed -= 1;
    context.release?.ended(exchange);
  }
}

async function attemptUntilDone(exchange: Exchange, context: ForwardContext, disputed: Disputed): Promise<void> {
  const { clock, upstreams, queue, bulkhead, release } = context;
  const choice = release?.choiceFor(exchange) ?? upstreams;
  const tried: Upstream[] = [];
  // Counted at once, so that no other request finds the same room.
  const take = (found: Upstream | undefined) => {
    if (found) found.inFlight += 1;
    return found;
  };
  const pick = () => take(choice.pick(clock.nowMs(), tried, exchange));
  let upstream = queue?.isBusy || bulkhead?.isBusy ? undefined : pick();
  for (;;) {
    const waitingRoom = bulkhead && upstreams.hasUsable() && !queue?.isBusy ? bulkhead : queue;
    const passage =
      upstream || !waitingRoom
        ? undefined
        : await waitingRoom.next(exchange, release ? [...tried, ...release.avoided(exchange)] : tried);
    if (!upstream && waitingRoom && !passage) return markCancelled(exchange);
    upstream ??= passage?.upstream;
    if (!upstream) throw noUpstream(exchange);
    const { outlier } = upstream;
    const isProbe = isEjected(outlier, clock.nowMs());
    exchange.onOutput = () => {
      exchange.attemptSpan?.event('first output', 'gen_ai.response.time_to_first_chunk');
      passage?.served();
      if (isProbe) readmit(outlier, clock.nowMs());
      settle(disputed, context);
      release?.output(exchange);
    };
    tried.push(upstream);
    exchange.attempts += 1;
    exchange.upstream = upstream.name;
    release?.sent(exchange, upstream);
    const { ticket, change } = upstreams.enter(upstream, clock.nowMs());
    if (change) context.onBreakerChange(upstream, change);
    const span = startSpan(exchange, upstream.name);
    const attempting = attempt(exchange, upstream, context);
    passage?.begun();
    const result = await attempting;
    exchange.charge?.attempted(result.kind === 'failed' && !result.committed);
    passage?.served();
    upstream.inFlight -= 1;
    upstreams.leave(upstream, ticket);
    bulkhead?.release();
    if (bulkhead) queue?.release();
    recordAttempt({ upstream, ticket }, exchange, result, disputed, context);
    if (span) endSpan(span, result);
    if (result.kind === 'completed') return;
    if (result.kind === 'cancelled') return markCancelled(exchange);
    exchange.reason = result.failure;
    if (result.failure === 'compute-deadline')
      context.guard?.metrics.deadlines.labels(result.isFinished ? 'finish' : 'error').inc();
    if (result.committed) return truncate(exchange, result, context);
    const isElsewhere = isDisputed(result.failure);
    if (isElsewhere && !choice.hasOther(clock.nowMs(), tried)) return giveUp(exchange, result, context);
    if (!(await waitForRetry(exchange, result, context))) return giveUp(exchange, result, context);
    upstream = isElsewhere ? take(choice.pickOther(clock.nowMs(), tried, exchange)) : pick();
  }
}

/** Starts the span of an attempt, which is the parent of what the upstream does. */
function startSpan(exchange: Exchange, upstream: string): OpenSpan | undefined {
  if (!exchange.span) return undefined;
  const attributes = attemptAttributes(exchange, upstream);
  exchange.attemptSpan = exchange.span.start(attemptName(exchange), attributes, { kind: 'client' });
  return exchange.attemptSpan;
}

function endSpan(span: OpenSpan, result: AttemptResult): void {
  const status = result.kind === 'completed' ? result.status : result.kind === 'failed' && result.response?.status;
  const failure = result.kind === 'failed' ? result.failure : 'client-disconnected';
  const isRefused = result.kind === 'completed' && isClientError(result.status);
  const error = result.kind !== 'completed' ? failure : isRefused ? `${status}` : undefined;
  span.end(
    {
      ...(status && { 'http.response.status_code': status }),
      ...(error !== undefined && { 'error.type': error }),
    },
    error,
  );
}

/**
 * Records an attempt in the metrics, for outlier ejection and at the circuit breaker. Failures caused by the client do not count against
 * the upstream.
 */
function recordAttempt(
  visit: Visit,
  exchange: Exchange,
  result: AttemptResult,
  disputed: Disputed,
  context: ForwardContext,
): void {
  const { upstream } = visit;
  context.metrics.recordAttempt(upstream.name, result);
  if (result.kind === 'cancelled') return;
  if (result.kind === 'completed') {
    if (!isClientError(result.status)) recordOutcome(visit, undefined, context);
    return;
  }
  const { failure, response } = result;
  // It is out already.
  if (failure === 'zombie') return;
  if (failure === 'rate-limited') holdBack(upstream, response, context);
  // Not the upstream's fault: what the request makes it do, a deadline lowered by the client, or one that ends a healthy stream.
  if (failure === 'compute-deadline') return;
  if (failure === 'deadline' && (exchange.deadlineLowered || exchange.firstByteMs !== undefined)) return;
  if (!isDisputed(failure)) recordOutcome(visit, failure, context);
  else if (!disputed.has(upstream)) {
    disputed.set(upstream, { failure, visit });
    upstream.outlier.disputed += 1;
  }
}

/** Another upstream serves the request, so that those that failed it are to blame. */
function settle(disputed: Disputed, context: ForwardContext): void {
  for (const [{ outlier }, { failure, visit }] of disputed) {
    outlier.disputed -= 1;
    recordOutcome(visit, failure, context);
  }
  disputed.clear();
}

function recordOutcome({ upstream, ticket }: Visit, failure: Failure | undefined, context: ForwardContext): void {
  const { upstreams, clock, onEjected, onBreakerChange } = context;
  const nowMs = clock.nowMs();
  const isEjecting = upstreams.record(upstream, failure === undefined, nowMs);
  if (isEjecting && failure !== undefined) onEjected(upstream, failure);
  const outcome = failure === undefined ? 'success' : isTimeout(failure) ? 'timeout' : 'error';
  const change = upstreams.recordAtBreaker(upstream, outcome, ticket, nowMs);
  if (change) onBreakerChange(upstream, change);
}

function holdBack(upstream: Upstream, response: UpstreamResponse | undefined, context: ForwardContext): void {
  const { retryAfter, clock } = context;
  if (retryAfter === 'off') return;
  const header = (name: string) => response?.headers[name]?.toString();
  const askedMs = retryAfterMs(header, clock.date().getTime()) || retryAfter.defaultMs;
  upstream.rateLimitedUntilMs = clock.nowMs() + Math.min(askedMs, retryAfter.maxMs);
}

/** Waits for the backoff of the next attempt; false when no further attempt is allowed. */
async function waitForRetry(exchange: Exchange, result: FailedAttempt, context: ForwardContext): Promise<boolean> {
  const { retries, budget, clock, random, metrics } = context;
  if (result.failure.endsWith('deadline') || exchange.attempts > retries.maxRetries) return false;
  const waitMs = backoffMs(retries, exchange.attempts, random);
  if (clock.nowMs() + waitMs >= exchange.deadlineMs) return false;
  if (!budget.withdraw(clock.nowMs())) {
    metrics.retriesDenied.inc();
    return false;
  }
  metrics.retries.labels(result.failure).inc();
  const disconnected = new AbortController();
  exchange.onClientDisconnect = () => disconnected.abort();
  const span = exchange.span?.start('backoff');
  if (!exchange.clientDisconnected) await clock.sleep(waitMs, disconnected.signal).catch(() => {});
  span?.end();
  exchange.onClientDisconnect = undefined;
  return !exchange.clientDisconnected;
}

/** The client gets the response of the last upstream, unless that is a success without anything in it. */
function giveUp(exchange: Exchange, { failure, response }: FailedAttempt, { guard }: ForwardContext): void {
  if (exchange.clientDisconnected) {
    markCancelled(exchange);
    return;
  }
  exchange.outcome = 'failed';
  const [status, code, message] = FAILURES[failure];
  if (!response || (response.body.length === 0 && response.status < 300)) throw new ApiError(status, code, message);
  relayWhole(exchange, response, guard);
}

/** @throws ApiError if the guard has held back all of it */
function truncate(exchange: Exchange, result: FailedAttempt, { metrics, deadlines, clock }: ForwardContext): void {
  const { failure, isFinished } = result;
  const [status, code, message] = FAILURES[failure];
  if (!exchange.response.headersSent) {
    exchange.outcome = 'failed';
    throw new ApiError(status, code, message);
  }
  exchange.outcome = 'truncated';
  metrics.truncated.labels(failure).inc();
  if (!isFinished) abortResponse(exchange, code, message, deadlines, clock.nowMs());
}

function markCancelled(exchange: Exchange): void {
  exchange.outcome = 'cancelled';
  exchange.reason = 'client-disconnected';
}

function noUpstream(exchange: Exchange): ApiError {
  exchange.outcome = 'failed';
  exchange.reason = 'no-upstream';
  return unavailable('no_upstream', 'No healthy upstream is available.');
}
