/** Where entries are kept, by name. Calls never wait for a connection; without one they reject at once. */
export interface CacheStore {
  /** Connects, and reconnects until {@link close}. */
  open(): void;
  /** Undefined if there is none, or no longer. */
  get(name: string): Promise<Buffer | undefined>;
  /** Replaces what there is. @param ttlMs integer ≥ 1, after which it is gone */
  set(name: string, value: Buffer, ttlMs: number): Promise<void>;
  /** Replaces a connection that does not respond. */
  reconnect(): void;
  close(): void;
}
