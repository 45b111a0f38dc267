import type { Clock } from '../../../harness/clock.ts';
import type { Random } from '../../../harness/random.ts';

/** Which half of a connection a toxic sits on. `upstream` is client → server, `downstream` is server → client. */
export type Direction = 'upstream' | 'downstream';

/** The direction that `stream` names, in any case; undefined for other words. */
export function directionOf(stream: string): Direction | undefined {
  const lower = stream.toLowerCase();
  return lower === 'upstream' || lower === 'downstream' ? lower : undefined;
}

/** A toxic's settings as they travel over the API: whole numbers in Toxiproxy's own units (ms, KB/s). */
export type ToxicAttributes = Readonly<Record<string, number>>;

/**
 * What a stage may do to its connection.
 *
 * ```
 * source ─► stage ─► stage ─► destination      one pipe: one direction of one connection
 *            push()   push()
 * ```
 */
export interface ToxicContext {
  readonly clock: Clock;
  /** This stage's own draws; independent of every other stage's. */
  readonly random: Random;
  /** Hands a chunk to the next stage, at once. */
  push(chunk: Uint8Array): void;
  /** Tells the next stage that nothing more comes (half-close). */
  end(): void;
  /** Closes both directions of the connection, after what was already handed on. */
  close(): void;
  /** Closes both directions with a TCP reset; what is unsent is lost. */
  reset(): void;
}

/** Why a stage stops: its toxic was deleted, its settings change, or the connection is gone. */
export type StopReason = 'removed' | 'updated' | 'closed';

/** One toxic at work on one direction of one connection. It never drops what it should only delay. */
export interface ToxicStage {
  /** Takes a chunk. It must take it even when full, but is asked rarely: the pipe pauses its source. */
  push(chunk: Uint8Array): void;
  /** The source has ended. The stage calls `context.end()` once everything before it is handed on. */
  end(): void;
  /** Whether the source must pause. The pipe asks again after each chunk that the stage takes or hands on. */
  isFull(): boolean;
  /**
   * Ends the stage's work: on `removed` and `updated` it hands on what it still holds (and the end, if it held that
   * back), on `closed` it forgets it. No timer may survive this call.
   */
  stop(reason: StopReason): void;
}

/**
 * A kind of toxic. A new kind starts as a copy of `noop.ts` and one line in `registry.ts`.
 * Not implemented: `slow_close`, `slicer` and `limit_data`.
 */
export interface ToxicKind {
  /** The name on the wire, Toxiproxy's own. */
  readonly type: string;
  /** Names of the attributes in Toxiproxy's order; each is 0 unless set. */
  readonly attributes: readonly string[];
  /** Starts working on one direction of one connection. */
  start(attributes: ToxicAttributes, context: ToxicContext): ToxicStage;
}

/** A toxic on a proxy, exactly as the API shows it. */
export interface ToxicJson {
  readonly attributes: ToxicAttributes;
  readonly name: string;
  readonly type: string;
  /** As it was sent; upper case is allowed and kept. */
  readonly stream: string;
  /** Share of connections affected, 0–1, rolled once per connection and direction. */
  readonly toxicity: number;
}
