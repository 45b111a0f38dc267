import type { Clock } from '../../../harness/clock.ts';
import type { Random } from '../../../harness/random.ts';

/** Direction of a connection that a toxic affects. `upstream` is client → server, `downstream` is server → client. */
export type Direction = 'upstream' | 'downstream';

/** Direction by name, in upper or lower case; undefined for any other name. */
export function directionOf(stream: string): Direction | undefined {
  const lower = stream.toLowerCase();
  return lower === 'upstream' || lower === 'downstream' ? lower : undefined;
}

/** A toxic's settings in the API: integers in Toxiproxy's units (ms, µs, bytes, KB/s). */
export type ToxicAttributes = Readonly<Record<string, number>>;

/**
 * Operations of a stage on its connection.
 *
 * ```
 * source ─► stage ─► stage ─► destination      one pipe: one direction of one connection
 *            push()   push()
 * ```
 */
export interface ToxicContext {
  readonly clock: Clock;
  /** Randomness of this stage, independent of other stages. */
  readonly random: Random;
  /** Passes a chunk to the next stage, at once. */
  push(chunk: Uint8Array): void;
  /** Bytes that this toxic has passed on, also with earlier settings. */
  passedBytes(): number;
  /** Ends the next stage (half-close). */
  end(): void;
  /** Closes both directions of the connection, once the chunks already passed on have left the next stages. */
  close(): void;
  /** Closes both directions with a TCP reset; unsent bytes are lost. */
  reset(): void;
}

/** One toxic on one direction of one connection. */
export interface ToxicStage {
  /** Accepts a chunk, even when full; the pipe pauses its source then. */
  push(chunk: Uint8Array): void;
  /** The source has ended. The stage calls `context.end()` once everything before has been passed on. */
  end(): void;
  /** Whether the source must pause; checked after each chunk that the stage accepts or passes on. */
  isFull(): boolean;
  /**
   * Stops the stage. When its toxic was removed or updated it passes on what it still holds, including the end; when the connection is
   * closed it discards it. An end that it keeps over an update is given to the stage with the new settings. No timer may survive this call.
   */
  stop(reason: 'removed' | 'updated' | 'closed'): void;
}

/** A kind of toxic. A new kind starts as a copy of `noop.ts` and one line in `registry.ts`. */
export interface ToxicKind {
  /** Toxiproxy's name of it. */
  readonly type: string;
  /** Names of the attributes in Toxiproxy's order; each is 0 by default. */
  readonly attributes: readonly string[];
  /** Why these attributes are refused, as from Toxiproxy 2.13; undefined if they are not. @default none are */
  problem?(attributes: ToxicAttributes): string | undefined;
  /** Starts a stage for one direction of one connection. */
  start(attributes: ToxicAttributes, context: ToxicContext): ToxicStage;
}

/** A toxic on a proxy, as in the API. */
export interface ToxicJson {
  readonly attributes: ToxicAttributes;
  readonly name: string;
  readonly type: string;
  /** As it was sent; upper case is allowed and preserved. */
  readonly stream: string;
  /** Ratio of affected connections, 0–1, drawn once per connection and direction. */
  readonly toxicity: number;
}
