/**
 * State of a replica, as its platform sees it. `starting` includes the cold start, `stopped` is intentional, `failed` is no longer
 * restarted. A paused or disconnected replica keeps its state: to detect that it does not respond is the gateway's task.
 */
export type ReplicaState = 'starting' | 'ready' | 'exited' | 'stopped' | 'failed';

/**
 * State of a node. It costs from `booting`, or from `ready` if it was there at first, until `taken` or `stopped`, or to the end of the
 * run; `notice`: it will be taken.
 */
export interface NodeChange {
  /** For example `spot-2`. */
  readonly node: string;
  readonly pool: string;
  readonly zone: string;
  readonly state: 'booting' | 'ready' | 'notice' | 'taken' | 'stopped';
  /** In dollars, per hour of the run: rates of requests are not scaled either. */
  readonly pricePerHour: number;
  readonly gpus: number;
  /** Whether its provider may take it. @default false */
  readonly spot?: boolean;
  /** Why, in words; empty for nothing to say. */
  readonly reason: string;
}

/** Place of a pod: of a replica of the stack, or of another workload that occupies nodes. */
export interface PlacementChange {
  /** For example `inference-4`, `batch-1`. */
  readonly replica: string;
  /** Its service, or the name of the other workload. */
  readonly service: string;
  /** `ended`: it is not wanted any more. */
  readonly state: 'pending' | 'placed' | 'evicted' | 'ended';
  /** Node that it is placed on, evicted from or was on; absent for one that is pending. */
  readonly node?: string;
  /** GPUs that it occupies, of which a part may be shared with others. */
  readonly gpus: number;
  /** Why it is pending or evicted, in words: `no GPU node is free, gpu-3 boots in 90 s`. */
  readonly reason: string;
}

/** Change of the desired number of replicas of a deployment. */
export interface ScaleChange {
  readonly deployment: string;
  readonly from: number;
  readonly to: number;
  /** Of whoever changed it, empty for none. */
  readonly reason: string;
  /** Replicas that it adds or ends, of those that exist. @default the last ones */
  readonly replicas?: readonly string[];
}

/** Receiver of a platform's events, which become events of the history: states of replicas, desired numbers of them with the reason that their writer gave, if any, nodes and places on them. */
export interface StackObserver {
  replica(change: { replica: string; service: string; state: ReplicaState; detail?: string; withinMs?: number }): void;
  scale?(change: ScaleChange): void;
  node?(change: NodeChange): void;
  placement?(change: PlacementChange): void;
}
