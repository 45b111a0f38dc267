/** What a HorizontalPodAutoscaler of the catalogue decides by. */
export interface HpaSpec {
  readonly minReplicas: number;
  readonly maxReplicas: number;
  readonly metrics: readonly object[];
  readonly behavior?: object;
}

/** Manifest of a HorizontalPodAutoscaler (`autoscaling/v2`) of the inference replicas, for `stack.autoscaler.hpa`. */
export function hpa(spec: HpaSpec) {
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'inference' },
    spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'inference' }, ...spec },
  };
}

/** External metric of which each replica gets this part. @param averageValue Kubernetes quantity, such as `1500m` */
export function perReplica(name: string, averageValue: string) {
  return { type: 'External', external: { metric: { name }, target: { type: 'AverageValue', averageValue } } };
}
