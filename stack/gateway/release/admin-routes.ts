import { z } from 'zod';
import { type AdminRoute, parseBody } from '../admin/admin-server.ts';
import { ApiError, unavailable } from '../http/api-error.ts';
import type { Release } from './release.ts';

const bodySchema = z.strictObject({
  weights: z.record(z.string(), z.number().min(0).max(1_000_000)).optional(),
  primary: z.string().optional(),
  reason: z.string().min(1).max(500).optional(),
});

/**
 * `GET /routes`, and `PUT /routes/MODEL` with `weights` by version (0 for those that are missing), `primary` and `reason`, of which what is missing stays.
 * `PUT /routes/MODEL/rollback` gives the primary everything, `DELETE /routes/MODEL` takes all decisions back. They hold for every gateway within a second.
 */
export function releaseRoutes(release: Release): readonly AdminRoute[] {
  const found = (model: string | undefined) => {
    const [route] = release.summary(model ?? '');
    if (!route) throw new ApiError(404, 'unknown_route', 'Expected a model with a route, got another.', 'model');
    return route;
  };
  const settled = async (model: string, isShared: Promise<boolean>) => {
    if (await isShared) return found(model);
    const message = 'It is in effect here, and elsewhere as soon as the shared store is back.';
    throw unavailable('release_unavailable', message);
  };
  const put = (name: string | undefined, body: unknown) => {
    const route = found(name);
    const given = parseBody(bodySchema, body);
    const known = route.versions.map(version => version.name);
    const require = (field: string, version: string) => {
      if (known.includes(version)) return;
      const message = `Expected \`${field}\` to name one of the versions ${known.join(', ')}.`;
      throw new ApiError(400, 'unknown_version', message, field);
    };
    for (const version of Object.keys(given.weights ?? {})) require(`weights.${version}`, version);
    require('primary', given.primary ?? route.primary);
    const weights = given.weights ?? Object.fromEntries(route.versions.map(version => [version.name, version.weight]));
    if (!Object.values(weights).some(weight => weight > 0))
      throw new ApiError(400, 'invalid_value', 'Expected `weights` to have one above 0.', 'weights');
    const { primary = route.primary, reason = 'by an operator' } = given;
    return settled(route.model, release.decisions.set(route.model, { weights, primary, reason }));
  };
  return [
    { pattern: /^\/routes$/, methods: { GET: () => ({ routes: release.summary() }) } },
    {
      pattern: /^\/routes\/([^/]+)$/,
      methods: {
        GET: ([model]) => found(model),
        PUT: ([model], body) => put(model, body),
        DELETE: ([name]) => {
          const { model } = found(name);
          return settled(model, release.decisions.reset(model, 'configured'));
        },
      },
    },
    {
      pattern: /^\/routes\/([^/]+)\/rollback$/,
      methods: {
        PUT: ([model]) => {
          const { primary } = found(model);
          return put(model, { weights: { [primary]: 1 }, reason: `everything to ${primary} by an operator` });
        },
      },
    },
  ];
}
