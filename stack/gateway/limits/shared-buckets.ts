import type { BucketRule, Taken } from './bucket.ts';

/** Buckets that several gateways share. None of its calls waits for a connection: without one they reject at once. */
export interface SharedBuckets {
  /** Starts connecting, and keeps at it until {@link close}. `lost` is called whenever an established connection is gone. */
  open(lost: () => void): void;
  /**
   * One atomic {@link take} on the store's own clock. May take for ever: the caller bounds its wait.
   * @param names of the buckets, in the order of the rules
   */
  take(names: readonly string[], rules: readonly BucketRule[]): Promise<Taken>;
  /** Gives a connection up that does not answer, and makes another. */
  reconnect(): void;
  close(): void;
}
