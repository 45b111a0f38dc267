import type { ControlConfig } from '../config.ts';

/** The size of one deployment: what is wanted and what there is. */
export interface ScaleState {
  readonly name: string;
  readonly uid: string;
  readonly createdAt: Date;
  /** Label selector of its replicas. */
  readonly selector: string;
  readonly min: number;
  readonly max: number;
  /** Wanted. */
  readonly replicas: number;
  /** There are, as the platform reported last. */
  readonly observedReplicas: number;
  readonly readyReplicas: number;
  /** Changes with every change. */
  readonly resourceVersion: number;
}

/** Result of a change. */
export type ScaleResult =
  | { readonly kind: 'changed' | 'same'; readonly scale: ScaleState }
  | { readonly kind: 'unknown' | 'conflict' }
  | { readonly kind: 'out-of-bounds'; readonly min: number; readonly max: number };

/**
 * The deployments whose size can be asked for. Writers may name the `resourceVersion` that they have read, and lose against
 * whoever was faster (optimistic concurrency, as in Kubernetes' API conventions).
 */
export class Scales {
  readonly #scales = new Map<string, ScaleState>();
  #version: number;

  /** @param firstVersion larger than any of an earlier life, if possible */
  constructor(deployments: ControlConfig['deployments'], createdAt: Date, newUid: () => string, firstVersion = 1) {
    this.#version = firstVersion;
    for (const { name, replicas, min, max, selector = `app=${name}` } of deployments)
      this.#scales.set(name, {
        ...{ name, replicas, min, max, selector, createdAt },
        uid: newUid(),
        observedReplicas: 0,
        readyReplicas: 0,
        resourceVersion: firstVersion,
      });
  }

  get(name: string): ScaleState | undefined {
    return this.#scales.get(name);
  }

  all(): ScaleState[] {
    return [...this.#scales.values()];
  }

  /** Asks for `replicas`. @param ifVersion the version that the writer has read; undefined: whatever it is */
  ask(name: string, replicas: number, ifVersion?: string): ScaleResult {
    const scale = this.#scales.get(name);
    if (scale && (replicas < scale.min || replicas > scale.max))
      return { kind: 'out-of-bounds', min: scale.min, max: scale.max };
    return this.#change(name, { replicas }, ifVersion);
  }

  /** Notes what the platform found. */
  report(name: string, observed: { replicas: number; readyReplicas: number }, ifVersion?: string): ScaleResult {
    const { replicas: observedReplicas, readyReplicas } = observed;
    return this.#change(name, { observedReplicas, readyReplicas }, ifVersion);
  }

  #change(name: string, values: Partial<ScaleState>, ifVersion: string | undefined): ScaleResult {
    const scale = this.#scales.get(name);
    if (!scale) return { kind: 'unknown' };
    if (ifVersion !== undefined && ifVersion !== String(scale.resourceVersion)) return { kind: 'conflict' };
    const changed = Object.entries(values).some(([key, value]) => scale[key as keyof ScaleState] !== value);
    if (!changed) return { kind: 'same', scale };
    this.#version += 1;
    const next = { ...scale, ...values, resourceVersion: this.#version };
    this.#scales.set(name, next);
    return { kind: 'changed', scale: next };
  }
}
