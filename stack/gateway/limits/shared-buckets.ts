import type { BucketRule, TakeResult } from './bucket.ts';

/** Buckets shared by several gateways. Calls never wait for a connection; without one they reject at once. */
export interface SharedBuckets {
  /** Connects, and reconnects until {@link close}. `onDisconnect` is called whenever an established connection closes. */
  open(onDisconnect: () => void): void;
  /**
   * One atomic {@link take} on the store's own clock, without a timeout.
   * @param names bucket names, in the order of the rules
   */
  take(names: readonly string[], rules: readonly BucketRule[]): Promise<TakeResult>;
  /** Replaces a connection that does not respond. */
  reconnect(): void;
  close(): void;
}
