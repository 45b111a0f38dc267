import type { SeriesRule } from './rule.ts';

/** What a rule makes of the series of some replicas. */
export interface Evaluated {
  readonly value: number;
  /** When it was measured: on the clock of the machine, in ms. */
  readonly atMs: number;
}

/** A value that an autoscaler needs: of each replica by itself, or of all replicas and gateways together. */
export interface Need {
  readonly rule: SeriesRule;
  readonly of: 'replicas' | 'whole';
}

/** Values of rules at one time, wherever they come from. Pure. */
export interface Values {
  /** Of each replica that has a value, by its name. */
  byReplica(rule: SeriesRule): ReadonlyMap<string, Evaluated>;
  /** Of all replicas and gateways together; undefined without series, unless the rule says what that means. */
  whole(rule: SeriesRule): number | undefined;
  /**
   * Whether a replica that should have the series of a rule did not report them.
   * @param isExpected whether a replica of a service exists and is ready
   */
  isPartial(rule: SeriesRule, isExpected: (replica: string, service: string) => boolean): boolean;
}

/** Reads values, in rounds. */
export interface ValuesReader {
  /**
   * Reads all that is needed. Never rejects: what cannot be read is unknown.
   * @param exists whether a replica of a service may be there
   */
  round(exists: (replica: string, service: string) => boolean, signal: AbortSignal): Promise<void>;
  /** When the newest value was measured, on the clock of the machine; undefined before the first. */
  readonly lastMs: number | undefined;
  /** Values as of the last round. */
  values(): Values;
}
