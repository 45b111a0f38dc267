import { z } from 'zod';

/** What was decided on a route. */
export interface Decision {
  /** By version; those that are missing have 0. */
  readonly weights: Readonly<Record<string, number>>;
  readonly primary: string;
  /** Why, for people. */
  readonly reason: string;
  /** The later one of two counts, in ms since the epoch; 0: as configured. */
  readonly decidedMs: number;
}

/** Store that gateways share. Calls never wait for a connection; without one they reject at once. */
export interface DecisionStore {
  /** Connects, and reconnects until {@link close}. */
  open(): void;
  /** Decision on the route of a model; undefined without one. */
  get(model: string): Promise<Decision | undefined>;
  /**
   * Notes a decision, unless a later one is known.
   * @param decidedMs of one that another gateway took. @default now, on the store's clock
   * @returns when the one that stays was taken
   */
  put(model: string, decision: Omit<Decision, 'decidedMs'>, decidedMs?: number): Promise<number>;
  /** Replaces a connection that does not respond. */
  reconnect(): void;
  close(): void;
}

const schema = z.strictObject({
  weights: z.record(z.string(), z.number().min(0)),
  primary: z.string(),
  reason: z.string(),
});

/** A decision as text, "decidedMs JSON". */
export function decisionText({ weights, primary, reason }: Omit<Decision, 'decidedMs'>): string {
  return JSON.stringify({ weights, primary, reason });
}

/** Reads it back. @returns undefined for a text that is none, as of a future version of this program */
export function readDecision(text: string): Decision | undefined {
  const [, decided, json = ''] = /^(\d+) (.*)$/s.exec(text) ?? [];
  if (decided === undefined) return undefined;
  try {
    return { ...schema.parse(JSON.parse(json)), decidedMs: Number(decided) };
  } catch {
    return undefined;
  }
}
