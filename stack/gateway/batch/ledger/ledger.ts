/** A command on one key: its name, the key, and what follows. */
export type Command = readonly [command: string, key: string, ...words: (string | number)[]];

/** What a command must return for a commit to happen; empty for nothing. */
export type Check = readonly [expected: string, ...command: Command];

/** A member of a sorted set, and its score. */
export interface Scored {
  readonly member: string;
  readonly score: number;
}

/**
 * Where files and batches are kept, and what gateways agree on. A commit is one step: all of its commands, or none. Once it has resolved, it survives
 * what the store survives. Calls never wait for a connection; without one they reject at once, and then a commit may have happened or not.
 */
export interface Ledger {
  /** Connects, and reconnects until {@link close}. */
  open(): void;
  /** Replaces a connection that does not respond. */
  reconnect(): void;
  close(): void;
  /** The store's clock, in ms since the epoch. */
  nowMs(): Promise<number>;
  /** Runs the commands if every check holds. @returns whether they do */
  commit(checks: readonly Check[], commands: readonly Command[]): Promise<boolean>;
  /** A hash; empty if there is none. */
  fields(key: string): Promise<Readonly<Record<string, string>>>;
  /** Some fields of a hash. */
  values(key: string, names: readonly (string | number)[]): Promise<(string | undefined)[]>;
  /** A string, as bytes. */
  bytes(key: string): Promise<Buffer | undefined>;
  /** Members of a sorted set with scores of at most `max`, the lowest first. @param limit at most so many */
  range(key: string, max: number, limit: number): Promise<Scored[]>;
}
