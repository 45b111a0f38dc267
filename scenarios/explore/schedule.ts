/** A parameter of a fault, in the units of the code. */
export type Parameter = number | string | boolean;

/** A fault of a schedule. */
export interface ScheduledFault {
  /** Unique in its schedule, such as `kill-1`. */
  readonly id: string;
  readonly kind: string;
  /** Name of its target. */
  readonly on: string;
  /** Start, in ms from that of the load phase. */
  readonly atMs: number;
  /** Duration in ms; null until the stack recovers by itself. */
  readonly forMs: number | null;
  /** As its package takes them; those that are absent have the defaults of its kind. */
  readonly parameters: Readonly<Record<string, Parameter>>;
}

/** One test of an exploration: faults in order of time, and what differs from the scenario. Plain JSON. */
export interface Schedule {
  readonly faults: readonly ScheduledFault[];
  /** Values of options of the stack, by path below `stack`. */
  readonly stack: Readonly<Record<string, unknown>>;
  readonly load: {
    /** Factor of all rates, above 0 and at most 1. */
    readonly rate: number;
    /** End of the load in ms; null for that of the scenario. */
    readonly endMs: number | null;
  };
}

/** The scenario as it is. */
export const EMPTY: Schedule = { faults: [], stack: {}, load: { rate: 1, endMs: null } };
