/** What is known of a key or a token: whether it is revoked, for how long that matters, and when that was decided. */
export interface Revocation {
  readonly isRevoked: boolean;
  /** In ms since the epoch; it is forgotten then. */
  readonly untilMs: number;
  /** The later one of two counts, in ms since the epoch. */
  readonly decidedMs: number;
}

/** Revocations of a store. */
export interface RevocationList {
  /** Differs after every change, also over a loss of all data. */
  readonly version: string;
  /** By id; undefined if nothing has changed. */
  readonly entries: ReadonlyMap<string, Revocation> | undefined;
}

/** Store that gateways share. Calls never wait for a connection; without one they reject at once. */
export interface SharedStore {
  /** Connects, and reconnects until {@link close}. `onDisconnect` is called whenever an established connection closes. */
  open(onDisconnect: () => void): void;
  /** Notes the use of a proof for `ttlMs`, which is ≥ 1. @returns whether it is the first one */
  use(proof: string, ttlMs: number): Promise<boolean>;
  /**
   * Notes a revocation, unless a later one is known.
   * @param decidedMs of one that another gateway decided. @default now, on the store's clock
   * @returns when it was decided
   */
  put(id: string, revocation: Omit<Revocation, 'decidedMs'>, decidedMs?: number): Promise<number>;
  /** @param version of the list that is known */
  list(version: string): Promise<RevocationList>;
  /** Replaces a connection that does not respond. */
  reconnect(): void;
  close(): void;
}
