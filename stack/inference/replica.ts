import { controlLink } from '../control/replica.ts';
import { inboundLinks, numbered, programOf, zoneOf } from '../naming.ts';
import type { SettledOptions } from '../options.ts';
import type { Addresses, ServicePlan, TopologyParts } from '../replica-plan.ts';
import { TOKEN_VARIABLE } from '../token.ts';
import { type InferenceConfigInput, parseInferenceConfig } from './config.ts';

/** Version of a replica: the first ones have the first version, and so on; those beyond all have the first one, too. */
export function versionOfReplica(name: string, versions: SettledOptions['inference']['versions']) {
  let left = Number(name.split('-').at(-1));
  for (const { replicas, name: version, ...profile } of versions) {
    left -= replicas;
    if (left <= 0) return { version, ...profile };
  }
  const { name: version, replicas: _replicas, ...profile } = versions[0] ?? { name: undefined, replicas: 0 };
  return { version, ...profile };
}

/**
 * Plan of one inference replica.
 * @throws SquallError `BAD_INFERENCE_CONFIG`
 */
export function inferenceReplica(name: string, parts: TopologyParts): ServicePlan {
  const { options, timeScale, seed, zones } = parts;
  const { control } = options;
  const {
    replicas,
    maxReplicas: _maxReplicas,
    pricePerHour: _pricePerHour,
    versions,
    restart,
    ...engine
  } = options.inference;
  const zone = zoneOf(name, zones);
  const inbound = inboundLinks(name, parts);
  const toControl = controlLink('inference', zone, parts);
  // Served under the profile's name, so that requests use the same model name in every stack.
  const { version, slowdown, errorRatio } = versionOfReplica(name, versions);
  const config: InferenceConfigInput = {
    ...engine,
    version,
    slowdown,
    errorRatio,
    name,
    model: engine.profile,
    timeScale,
    seed,
  };
  const { modelLoadMs } = parseInferenceConfig(JSON.stringify(config));
  const registration = (links: Addresses['links']): Pick<InferenceConfigInput, 'registration'> => {
    if (control === 'off') return {};
    const advertised = [...inbound].map(([from, link]) => [from, links[link]!] as const);
    return {
      registration: {
        url: `http://${links[toControl]}`,
        advertise: advertised[0]![1],
        ...(zones.length > 1 ? { advertiseByZone: Object.fromEntries(advertised) } : {}),
        ttlMs: control.ttlMs,
      },
    };
  };
  return {
    name,
    service: 'inference',
    zone,
    run: { kind: 'node', program: programOf('inference') },
    protocol: 'http',
    ready: { kind: 'http', path: '/readyz' },
    metricsPath: '/metrics',
    coldStartMs: modelLoadMs / timeScale,
    uses: control === 'off' ? [] : [toControl],
    advertises: control === 'off' ? [] : [...inbound.values()],
    restart,
    drainMs: engine.drainMs,
    ...(numbered('inference', replicas).includes(name) ? {} : { isStandby: true }),
    environment: ({ listen, links, token }: Addresses) => ({
      LISTEN: listen,
      [TOKEN_VARIABLE]: token,
      INFERENCE_CONFIG: JSON.stringify({ ...config, ...registration(links) }),
    }),
  };
}
