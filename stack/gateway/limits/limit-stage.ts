import { ApiError, unavailable } from '../http/api-error.ts';
import type { Exchange, Stage } from '../http/exchange.ts';
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
  // For example `1000;w=60;burst=100`.
  const policy = limiter.rules
    .map(({ limit, periodMs, burst }) => `${limit};w=${periodMs / 1000};burst=${burst}`)
    .join(', ');
  const apply = (exchange: Exchange, decision: LimitDecision | typeof UNAVAILABLE) => {
    if (decision === UNAVAILABLE) {
      const message = 'Rate limits cannot be checked at the moment.';
      throw unavailable('limits_unavailable', message);
    }
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
    const rule = `The limit is ${decision.limit} per ${decision.periodMs === 1000 ? 'second' : 'minute'}.`;
    const message = `${MESSAGES[decision.scope]} ${rule} Try again in ${resetSeconds} s.`;
    throw new ApiError(429, 'rate_limit_exceeded', message, null, ['retry-after', resetSeconds]);
  };
  return exchange => {
    const decision = limiter.take(exchange.caller);
    if (!(decision instanceof Promise)) return apply(exchange, decision);
    const span = exchange.span?.start('limits');
    return decision.then(made => {
      span?.end();
      apply(exchange, made);
    });
  };
}
