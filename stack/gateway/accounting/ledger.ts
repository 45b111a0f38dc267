/** What is counted, in the order in which the scripts of the ledger have it; all are integers. */
export const COUNTS = ['requests', 'reused', 'prompt', 'cached', 'completion', 'gpuMicros', 'microCredits'] as const;

/**
 * Usage. `reused`: requests that got the response of another. `prompt`, `completion`: tokens; `cached`: those of the prompts that the engine took
 * from its prefix cache. `gpuMicros`: µs of a GPU. `microCredits`: cost in millionths of a credit.
 */
export type Counts = Readonly<Record<(typeof COUNTS)[number], number>>;

/** Credits that are set aside for a request, in millionths. */
export interface Reservation {
  /** Unique among all gateways; without a colon. */
  readonly id: string;
  readonly amount: number;
}

/** Usage of one request, or several. */
export interface Settlement {
  /** SHA-256 of the API key, or `anonymous`. */
  readonly caller: string;
  /** On which it ended, as in `2026-11-29`, in UTC. */
  readonly day: string;
  readonly model: string;
  readonly counts: Counts;
  /** Given back. */
  readonly reservation: Reservation | undefined;
  /** Period of the caller's quota in ms; 0 without one. */
  readonly periodMs: number;
}

/** What a caller has spent of its quota in this period, in millionths of a credit. */
export interface Standing {
  readonly used: number;
  readonly reserved: number;
  /** Until the next period begins, in ms. */
  readonly resetMs: number;
}

/** Usage of one caller with one model on one day. */
export interface UsageRow {
  readonly day: string;
  readonly model: string;
  readonly counts: Counts;
}

/** Where gateways keep usage. Calls never wait for a connection; without one they reject at once. */
export interface Ledger {
  /** Connects, and reconnects until {@link close}. */
  open(): void;
  /**
   * Reserves an amount, for at most `ttlMs`, unless used and reserved would be more than `limit` with it.
   * @param reservation undefined: none is made
   */
  reserve(
    caller: string,
    reservation: Reservation | undefined,
    limit: { readonly limit: number; readonly periodMs: number; readonly ttlMs: number },
  ): Promise<Standing & { readonly isGranted: boolean }>;
  /**
   * Adds settlements, all or none of them, and once, however often it is called with a `number` of this `sender`.
   * @param number greater than those before
   */
  settle(sender: string, number: number, settlements: readonly Settlement[], keepMs: number): Promise<void>;
  /** Usage of a caller on `days`. */
  usage(caller: string, days: readonly string[]): Promise<readonly UsageRow[]>;
  /** Replaces a connection that does not respond. */
  reconnect(): void;
  close(): void;
}
