import type { TopologyParts } from '../replica-plan.ts';
import { readManifest } from './manifest.ts';
import type { AutoscalerOptions } from './options.ts';
import type { PolicyOptions } from './policy/catalog.ts';

/** Largest number of inference replicas that a stack has. */
const MAX_REPLICAS = 64;

/** How many inference replicas a stack may have at once: as many as its options say, otherwise as its autoscaler may ask for. */
export function maxInference({
  inference,
  autoscaler,
}: Pick<TopologyParts['options'], 'inference' | 'autoscaler'>): number {
  const { replicas, maxReplicas } = inference;
  if (maxReplicas !== undefined || autoscaler === 'off') return maxReplicas ?? replicas;
  return Math.max(replicas, Math.min(MAX_REPLICAS, boundsOf(autoscaler).maxReplicas));
}

/** Largest number of replicas that the Scale API lets be asked for. */
const MAX_SCALE = 10_000;

/** Bounds of the Scale API: an autoscaler, or anybody where nodes limit them, may ask for more replicas than there can be, which then stay pending. */
export function scaleBounds(options: TopologyParts['options']): { readonly min: number; readonly max: number } {
  const max = maxInference(options);
  const { autoscaler, capacity } = options;
  if (autoscaler === 'off') return { min: 1, max: capacity === 'off' ? max : MAX_SCALE };
  const { minReplicas, maxReplicas } = boundsOf(autoscaler);
  return { min: Math.min(1, minReplicas), max: Math.max(max, Math.min(MAX_SCALE, maxReplicas)) };
}

function boundsOf({ hpa, policy, scaleToZero }: AutoscalerOptions): Pick<PolicyOptions, 'minReplicas' | 'maxReplicas'> {
  if (policy) return policy as PolicyOptions;
  const { spec, activation } = readManifest(hpa, scaleToZero);
  return activation ? { ...spec, minReplicas: 0 } : spec;
}
