import { z } from 'zod';
import { balancerWeight } from '../balancing/config.ts';
import { configuredWeight, setWeight } from '../balancing/weighted.ts';
import { ApiError } from '../http/api-error.ts';
import { resetBreaker } from '../upstream/breaker.ts';
import { isEjected } from '../upstream/ejection.ts';
import type { Upstream } from '../upstream/upstreams.ts';
import type { AdminParts } from './admin-parts.ts';
import { type AdminRoute, parseBody } from './admin-server.ts';
import { withoutLogin } from './config-summary.ts';

const weightSchema = z.strictObject({ weight: balancerWeight });

/** `GET /upstreams` with the state of each, `PUT /upstreams/NAME` with its `weight` where the policy has weights, `GET /breakers`, and `DELETE /breakers/NAME`, which closes one. */
export function upstreamRoutes({ config, fleet, forwardContext, ejectedFor }: AdminParts): readonly AdminRoute[] {
  const { upstreams, clock, onBreakerChange } = forwardContext;
  const named = (name: string | undefined): Upstream => {
    const found = upstreams.all.find(upstream => upstream.name === name);
    if (!found) throw new ApiError(404, 'unknown_upstream', 'Expected the name of an upstream, got another.', 'name');
    return found;
  };
  const ejectionOf = (upstream: Upstream, nowMs: number) => {
    const { outlier } = upstream;
    if (!isEjected(outlier, nowMs)) return null;
    const forMs = Math.ceil(outlier.ejectedUntilMs - nowMs);
    return { reason: ejectedFor.get(upstream) ?? null, forMs, timesEjected: outlier.timesEjected };
  };
  const { balancer } = config;
  const weights = typeof balancer === 'object' && balancer.policy === 'weighted' ? balancer.weights : undefined;
  const weightOf = (upstream: Upstream) => weights && (upstream.turn?.weight ?? configuredWeight(weights, upstream));
  const shown = (upstream: Upstream) => {
    const { name, inFlight, health, rateLimitedUntilMs } = upstream;
    const nowMs = clock.nowMs();
    return {
      ...{
        name,
        url: withoutLogin(fleet.urlOf(upstream)),
        state: upstreams.stateOf(upstream, nowMs),
        health: health.health,
        inFlight,
      },
      weight: weightOf(upstream),
      version: fleet.versionOf(upstream) ?? null,
      breaker: upstreams.breakerOf(upstream, nowMs) ?? null,
      ejection: ejectionOf(upstream, nowMs),
      rateLimitedForMs: Math.max(0, Math.ceil(rateLimitedUntilMs - nowMs)),
    };
  };
  const breakerOf = (upstream: Upstream) => {
    const { name, breaker } = upstream;
    const nowMs = clock.nowMs();
    const state = upstreams.breakerOf(upstream, nowMs);
    const openForMs = state === 'open' ? Math.ceil(breaker.openUntilMs - nowMs) : 0;
    const { consecutiveTimeouts, trialsInFlight, trialsPassed } = breaker;
    return { name, state, openForMs, consecutiveTimeouts, trialsInFlight, trialsPassed };
  };
  const breakers: readonly AdminRoute[] = [
    { pattern: /^\/breakers$/, methods: { GET: () => ({ breakers: upstreams.all.map(breakerOf) }) } },
    {
      pattern: /^\/breakers\/([^/]+)$/,
      methods: {
        DELETE: ([name]) => {
          const upstream = named(name);
          const change = resetBreaker(upstream.breaker);
          if (change) onBreakerChange(upstream, change);
          return breakerOf(upstream);
        },
      },
    },
  ];
  return [
    { pattern: /^\/upstreams$/, methods: { GET: () => ({ upstreams: upstreams.all.map(shown) }) } },
    {
      pattern: /^\/upstreams\/([^/]+)$/,
      methods: {
        GET: ([name]) => shown(named(name)),
        PUT: ([name], body) => {
          const upstream = named(name);
          if (!weights)
            throw new ApiError(
              409,
              'no_weights',
              'Weights are of the policy `weighted` of `balancer`, which is another.',
            );
          setWeight(upstream, parseBody(weightSchema, body).weight);
          return shown(upstream);
        },
      },
    },
    ...(config.breaker === 'off' ? [] : breakers),
  ];
}
