import { linkName, numbered, programOf, zoneOf } from '../naming.ts';
import type { Addresses, ServicePlan, TopologyParts } from '../replica-plan.ts';
import type { PreprocessConfigInput } from './config.ts';

/** Links over which the gateways of a zone reach the pools; none without them. */
export function preprocessLinks(zone: string, { options: { preprocess }, zones }: TopologyParts): string[] {
  if (preprocess === 'off') return [];
  return numbered('preprocess', preprocess.replicas).map(name => linkName('gateway', zone, name, zones));
}

/** Plans of the pools that prepare requests; none where that is off. */
export function preprocessReplicas({ options: { preprocess }, zones }: TopologyParts): ServicePlan[] {
  if (preprocess === 'off') return [];
  const { replicas, gateway: _gateway, ...pool } = preprocess;
  return numbered('preprocess', replicas).map(name => ({
    ...{ name, service: 'preprocess', zone: zoneOf(name, zones) },
    run: { kind: 'node', program: programOf('preprocess') },
    protocol: 'http',
    ready: { kind: 'http', path: '/readyz' },
    metricsPath: '/metrics',
    environment: ({ listen }: Addresses) => ({
      LISTEN: listen,
      PREPROCESS_CONFIG: JSON.stringify({ ...pool, name } satisfies PreprocessConfigInput),
    }),
  }));
}
