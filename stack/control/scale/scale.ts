import type { ControlConfig } from '../config.ts';

/** Desired and observed size of one deployment. */
export interface ScaleState {
  readonly name: string;
  readonly uid: string;
  readonly createdAt: Date;
  /** Label selector of its replicas. */
  readonly selector: string;
  readonly min: number;
  readonly max: number;
  /** Desired number of replicas. */
  readonly replicas: number;
  /** Why it was last set, as its writer says. */
  readonly reason?: string;
  /** Number of replicas as last reported by the platform. */
  readonly observedReplicas: number;
  readonly readyReplicas: number;
  /** Increases with every change. */
  readonly resourceVersion: number;
}

/** Result of a change. */
export type ScaleResult =
  | { readonly kind: 'changed' | 'same'; readonly scale: ScaleState }
  | { readonly kind: 'unknown' | 'conflict' }
  | { readonly kind: 'out-of-bounds'; readonly min: number; readonly max: number };

/**
 * Scalable deployments. Writers may pass the `resourceVersion` that they have read; the write fails if it is outdated (optimistic
 * concurrency, as in Kubernetes' API conventions).
 */
export class Scales {
  readonly #scales = new Map<string, ScaleState>();
  #version: number;

  /** @param firstVersion initial version; should exceed all versions from before a restart */
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

  /**
   * Sets the desired number of replicas.
   * @param ifVersion version that the writer has read; undefined: any
   * @param reason of the writer; a write that changes nothing leaves the last one
   */
  setReplicas(name: string, replicas: number, ifVersion?: string, reason = ''): ScaleResult {
    const scale = this.#scales.get(name);
    if (scale && (replicas < scale.min || replicas > scale.max))
      return { kind: 'out-of-bounds', min: scale.min, max: scale.max };
    return this.#change(name, scale?.replicas === replicas ? {} : { replicas, reason }, ifVersion);
  }

  /** Records the numbers observed by the platform. */
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
