import type { Reading } from './pods.ts';

/** What was measured for one metric of a spec, or why nothing was. */
export type Measured =
  | { readonly kind: 'containers'; readonly pods: readonly ContainerUsage[] }
  | { readonly kind: 'pods'; readonly pods: readonly (Reading & { readonly pod: string })[] }
  | { readonly kind: 'object'; readonly milli: bigint }
  | { readonly kind: 'external'; readonly milli: readonly bigint[] }
  | { readonly kind: 'failed'; readonly message: string };

/** Usage of the containers of one pod, as the resource metrics API has it. */
export interface ContainerUsage {
  readonly pod: string;
  readonly atMs: number;
  readonly windowMs: number;
  /** Thousandths of each measured resource, by container. */
  readonly containers: Readonly<Record<string, Readonly<Record<string, bigint>>>>;
}

/** Why a metric has no proposal. */
export class MetricFailure extends Error {}

/**
 * Readings by pod. The usage of a pod is the sum over its containers, and unknown if one of them lacks the resource; a container that is
 * not listed is not summed.
 * @param container the one that counts, of a metric of type ContainerResource
 * @throws MetricFailure when nothing was measured
 */
export function readingsByPod(measured: Measured, resource?: string, container?: string): Map<string, Reading> {
  if (measured.kind === 'failed') throw new MetricFailure(measured.message);
  if (measured.kind !== 'containers' && measured.kind !== 'pods')
    throw new MetricFailure(`expected a value for each pod, got one of kind ${measured.kind}`);
  if (measured.pods.length === 0) throw new MetricFailure('no metrics were returned');
  if (measured.kind === 'pods') return new Map(measured.pods.map(({ pod, ...reading }) => [pod, reading]));
  return new Map(
    measured.pods.flatMap(({ pod, containers, atMs, windowMs }) => {
      const listed = container === undefined ? Object.values(containers) : [containers[container] ?? {}];
      const used = listed.map(usage => usage[resource!]);
      if (used.length === 0 || used.includes(undefined)) return [];
      const milli = used.reduce<bigint>((sum, each) => sum + each!, 0n);
      return [[pod, { milli, atMs, windowMs }] as const];
    }),
  );
}
