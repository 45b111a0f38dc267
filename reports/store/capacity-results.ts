/** A pool of nodes over the load phase. */
export interface PoolResult {
  readonly pool: string;
  /** Whether its provider may take its nodes. */
  readonly spot: boolean;
  /** Nodes on average, from their boot on. */
  readonly nodes: number;
  /** Nodes that were booted, and those that the provider took. */
  readonly booted: number;
  readonly taken: number;
  readonly dollars: number;
  /** GPUs that pods had over those of the nodes, 0–1, averaged over time; null for a pool without GPUs, or without nodes. */
  readonly occupied: number | null;
}

/** A pod that waited for a place in the load phase, or was evicted from one. */
export interface WaitingPod {
  readonly replica: string;
  readonly service: string;
  readonly waitedMs: number;
  /** Whether it still waited at the end of the load. */
  readonly isPending: boolean;
  readonly evictions: number;
  /** Of its longest wait, or of its last eviction if it never waited. */
  readonly reason: string;
}

/** Nodes and places of a stack with a capacity model. */
export interface CapacityResult {
  readonly pools: readonly PoolResult[];
  /** Those that waited longest first, at most 100. */
  readonly waiting: readonly WaitingPod[];
  /** How many waited or were evicted. */
  readonly waited: number;
}
