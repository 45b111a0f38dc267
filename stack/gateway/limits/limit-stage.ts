import { ApiError } from '../http/api-error.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Stage } from '../http/stage.ts';
import type { BucketRule } from './bucket.ts';
import type { LimitDecision } from './decision.ts';
import { type Limiter, UNAVAILABLE } from './limiter.ts';

const MESSAGES = {
  key: 'Too many requests with this API key.',
  global: 'The service takes no more requests at the moment.',
} as const;

/**
 * The stage that refuses requests over their limits, after authentication and before the body is read. Every answer of a limited
 * route carries `RateLimit-Limit`, `-Remaining`, `-Reset` and `-Policy` as of draft-ietf-httpapi-ratelimit-headers-06, the last one that
 * has them as separate fields; a refusal also `Retry-After`, in the same whole seconds as the reset.
 * @throws ApiError 429 `rate_limit_exceeded`, or 503 `limits_unavailable` where limits fail closed; from the returned stage
 */
export function limitStage(limiter: Limiter): Stage {
  if (limiter.rules.length === 0) return () => {};
  const policy = limiter.rules.map(policyOf).join(', ');
  const judge = (exchange: Exchange, decision: LimitDecision | typeof UNAVAILABLE) => {
    if (decision === UNAVAILABLE)
      throw new ApiError(503, 'limits_unavailable', 'Limits cannot be checked at the moment.', null, [
        'retry-after',
        '1',
      ]);
    const resetSeconds = `${Math.ceil(decision.resetMs / 1000)}`;
    exchange.limits = [
      'ratelimit-limit',
      `${decision.limit}`,
      'ratelimit-remaining',
      `${decision.remaining}`,
      'ratelimit-reset',
      resetSeconds,
      'ratelimit-policy',
      policy,
    ];
    if (decision.allowed) return;
    const wait = `Try again in ${resetSeconds} s.`;
    const { limit, periodMs } = decision;
    const rule = `The limit is ${limit} per ${periodMs === 1000 ? 'second' : 'minute'}.`;
    throw new ApiError(429, 'rate_limit_exceeded', `${MESSAGES[decision.scope]} ${rule} ${wait}`, null, [
      'retry-after',
      resetSeconds,
    ]);
  };
  return exchange => {
    const decision = limiter.take(exchange.caller);
    if (decision instanceof Promise) return decision.then(made => judge(exchange, made));
    judge(exchange, decision);
  };
}

/** For example `1000;w=60;burst=100`. */
function policyOf({ limit, periodMs, burst }: BucketRule): string {
  return `${limit};w=${periodMs / 1000};burst=${burst}`;
}
