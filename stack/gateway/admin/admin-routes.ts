import { ApiError } from '../http/api-error.ts';
import { revocationRoutes } from '../identity/admin-routes.ts';
import { releaseRoutes } from '../release/admin-routes.ts';
import type { AdminParts } from './admin-parts.ts';
import type { AdminRoute } from './admin-server.ts';
import { summaryOf } from './config-summary.ts';
import { upstreamRoutes } from './upstream-routes.ts';

/** Routes of the admin API, see `docs/gateway-admin.md`. Those of a part that is off are absent, or show it as null. */
export function createAdminRoutes(parts: AdminParts): readonly AdminRoute[] {
  const { config, forwardContext, identity } = parts;
  const { admission, queue, bulkhead } = forwardContext;
  const queues = () => ({
    admission: admission?.summary() ?? null,
    queue: queue?.summary() ?? null,
    bulkhead: bulkhead?.summary() ?? null,
  });
  return [
    ...upstreamRoutes(parts),
    { pattern: /^\/queues$/, methods: { GET: queues } },
    { pattern: /^\/config$/, methods: { GET: () => summaryOf(config) as object } },
    drainRoute(parts),
    ...(identity ? revocationRoutes(identity) : []),
    ...(forwardContext.release ? releaseRoutes(forwardContext.release) : []),
  ];
}

/**
 * `PUT /drain`: this gateway reports unready, so that balancers send it no more, and asks clients to close their connections; what is in flight goes
 * on, and what comes all the same is served. `DELETE` takes it back, unless the process is stopping.
 */
function drainRoute({ lifecycle, connections }: AdminParts): AdminRoute {
  const state = () => ({ draining: lifecycle.draining, connections: connections.countByState() });
  const set = (draining: boolean) => () => {
    if (lifecycle.stopping) throw new ApiError(409, 'stopping', 'The gateway is stopping.');
    lifecycle.draining = draining;
    return state();
  };
  return { pattern: /^\/drain$/, methods: { GET: state, PUT: set(true), DELETE: set(false) } };
}
