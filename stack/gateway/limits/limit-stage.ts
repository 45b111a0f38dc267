import { ApiError } from '../http/api-error.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Stage } from '../http/stage.ts';
import type { BucketRule } from './bucket.ts';
import type { LimitDecision } from './decision.ts';
import { type Limiter, UNAVAILABLE } from './limiter.ts';

const MESSAGES = {
  key: 'Too many requests with this API key.',
  global: 'The service is at its rate limit.',
} as const;

/**
 * Stage that rejects requests over their limits, after authentication and before the body is read. Every response of a limited
 * route has `RateLimit-Limit`, `-Remaining`, `-Reset` and `-Policy` as in draft-ietf-httpapi-ratelimit-headers-06, the last version
 * with separate fields; a rejection also has `Retry-After`, in the same integer seconds as the reset.
 * @throws ApiError 429 `rate_limit_exceeded`, or 503 `limits_unavailable` where limits fail closed; from the returned stage
 */
export function limitStage(limiter: Limiter): Stage {
  if (limiter.rules.length === 0) return () => {};
  const policy = limiter.rules.map(policyOf).join(', ');
  const apply = (exchange: Exchange, decision: LimitDecision | typeof UNAVAILABLE) => {
    if (decision === UNAVAILABLE)
      throw new ApiError(503, 'limits_unavailable', 'Rate limits cannot be checked at the moment.', null, [
        'retry-after',
        '1',
      ]);
    const resetSeconds = `${Math.ceil(decision.resetMs / 1000)}`;
    exchange.rateLimitHeaders = [
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
    const advice = `Try again in ${resetSeconds} s.`;
    const { limit, periodMs } = decision;
    const rule = `The limit is ${limit} per ${periodMs === 1000 ? 'second' : 'minute'}.`;
    throw new ApiError(429, 'rate_limit_exceeded', `${MESSAGES[decision.scope]} ${rule} ${advice}`, null, [
      'retry-after',
      resetSeconds,
    ]);
  };
  return exchange => {
    const decision = limiter.take(exchange.caller);
    if (decision instanceof Promise) return decision.then(made => apply(exchange, made));
    apply(exchange, decision);
  };
}

/** Policy of a rule, for example `1000;w=60;burst=100`. */
function policyOf({ limit, periodMs, burst }: BucketRule): string {
  return `${limit};w=${periodMs / 1000};burst=${burst}`;
}
