import type { Verdict } from './run-document.ts';

/** What a capacity search looks for. */
export type Find = 'rate' | 'users' | 'replicas';

/** Why a search ended. */
export type Stop =
  | 'precise'
  | 'budget'
  | 'steps'
  | 'interrupted'
  | 'lowest-fails'
  | 'highest-passes'
  | 'generator-limit'
  | 'undecided';

/** Figures of one step: a run of the scenario at one constant load. Times in ms; null where there is none. */
export interface StepFigures {
  readonly verdict: Verdict;
  /** Whether all SLOs were met by their measured values, and the lag did not grow; null where that is not known. */
  readonly met: boolean | null;
  /** Whether the generator, not the service, was the limit. */
  readonly isGeneratorLimit: boolean;
  /** Objectives that were missed, such as `p99(ttft) <= 800 ms`; `growing lag` for a backlog that grew. */
  readonly missed: readonly string[];
  /** How many of its requests violate each objective, out of how many, and which ratio of them it allows. */
  readonly tallies: readonly {
    readonly name: string;
    readonly violations: number;
    readonly count: number;
    readonly allowed: number;
    /** Wait at which a request violates it, and the time in which a queue could grow to it; absent where none shows. */
    readonly queue?: { readonly slackMs: number; readonly fromMs: number; readonly toMs: number };
  }[];
  /**
   * Requests in flight at the end of its second half over those at its begin, its arrivals, and their rate over that of the step;
   * `served` of them are in flight without a queue. Absent where they say nothing.
   */
  readonly growth?: {
    readonly requests: number;
    readonly arrivals: number;
    readonly served: number;
    readonly loadRatio: number;
  };
  /** A sentence with figures. */
  readonly reason: string;
  /** Whether it was ended before its load was over, because the service was over-saturated. */
  readonly endedEarly: boolean;
  readonly requests: number;
  readonly failed: number;
  readonly arrivalsPerSecond: number;
  readonly completedPerSecond: number;
  readonly p50TtftMs: number | null;
  readonly p99TtftMs: number | null;
  readonly p99LatencyMs: number | null;
  readonly tokensPerSecond: number;
}

/** One step of a search. */
export interface CapacityStep extends StepFigures {
  readonly index: number;
  /** Arrivals per second, users or replicas. */
  readonly value: number;
  readonly seed: number;
  /** Command that repeats it. */
  readonly replay: string;
  /** Its run directory, relative to that of the search; absent in virtual time, where steps are not stored. */
  readonly run?: string;
}

/** What a daily volume needs, in proportion to the capacity of one replica at the lower end of the interval. */
export interface DailyPlan {
  readonly callsPerDay: number;
  /** Peak rate over mean rate of the day. */
  readonly peakFactor: number;
  readonly peakPerSecond: number;
  readonly perReplicaPerSecond: number;
  readonly replicas: number;
  readonly gpus: number;
  /** Of all replicas, all day. */
  readonly dollarsPerDay: number;
  readonly dollarsPerMillionCalls: number;
}

/** What a replica is assumed to need and to cost. */
export interface Prices {
  readonly gpusPerReplica: number;
  readonly dollarsPerGpuHour: number;
  /** Whether nobody said so. */
  readonly isAssumed: boolean;
}

/** `capacity.json`: the result of a search. */
export interface CapacityDocument {
  readonly schema: 1;
  readonly id: string;
  readonly scenario: string;
  readonly platform: string;
  readonly target?: string;
  readonly find: Find;
  readonly seed: number;
  readonly startedAt: string;
  readonly wallMs: number;
  readonly stop: Stop;
  /** Null where the search has no bracket. Whole numbers for users and replicas. */
  readonly edge: { readonly value: number; readonly lower: number; readonly upper: number } | null;
  /** Probability that the edge is in its interval. */
  readonly level: number;
  /** Nearest values at which all SLOs were met, and not. */
  readonly bestMet: number | null;
  readonly bestMissed: number | null;
  /** Without an edge: the value that it is surely beyond, on the side of what was tried; null with one, and where nothing was decided. */
  readonly bound: number | null;
  /** Objective that is missed first above the edge; null without one. */
  readonly limitedBy: string | null;
  /** Rate at which P99 begins to bend upwards; null where too few rates were tried. */
  readonly knee: number | null;
  readonly answer: string;
  /** Where the answer ends short of what was asked for, and what to change. */
  readonly reasons: readonly string[];
  /** What the steps leave out of the scenario, and other assumptions. */
  readonly notes: readonly string[];
  /** Smallest overload that a step can see, as a ratio of the rate; 0 for one that it always sees. */
  readonly blind: number;
  /** Rate for which replicas are looked for; null for other searches. */
  readonly perSecond: number | null;
  /** Replicas of inference in the steps; null for a target, which counts as one, and where they are looked for. */
  readonly replicas: number | null;
  readonly prices: Prices;
  readonly daily: DailyPlan | null;
  readonly steps: readonly CapacityStep[];
  readonly replay: string;
}
