/** What the flags and feature gates of the controller decide, not the autoscaler's spec. Defaults in {@link DEFAULT_SETTINGS}. */
export interface HpaSettings {
  /** `--horizontal-pod-autoscaler-sync-period`, in ms. */
  readonly syncPeriodMs: number;
  /** `--horizontal-pod-autoscaler-tolerance`: the relative difference to the target that changes nothing; ≥ 0. */
  readonly tolerance: number;
  /** `--horizontal-pod-autoscaler-initial-readiness-delay`, in ms. */
  readonly initialReadinessDelayMs: number;
  /** `--horizontal-pod-autoscaler-cpu-initialization-period`, in ms. */
  readonly cpuInitializationPeriodMs: number;
  /** `--horizontal-pod-autoscaler-downscale-stabilization`, in ms. */
  readonly downscaleStabilizationMs: number;
  /** Whether `behavior.*.tolerance` counts (gate HPAConfigurableTolerance). */
  readonly configurableTolerance: boolean;
  /** Whether the workload may be scaled to 0 and back (gate HPAScaleToZero). */
  readonly scaleToZero: boolean;
}

/** Settings of kube-controller-manager v1.36 without flags, and both gates on. */
export const DEFAULT_SETTINGS: HpaSettings = {
  syncPeriodMs: 15_000,
  tolerance: 0.1,
  initialReadinessDelayMs: 30_000,
  cpuInitializationPeriodMs: 300_000,
  downscaleStabilizationMs: 300_000,
  configurableTolerance: true,
  scaleToZero: true,
};
