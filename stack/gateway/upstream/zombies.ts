import type { GatewayConfig } from '../config.ts';

/** Settings of enabled zombie detection. */
export type ZombieOptions = Exclude<GatewayConfig['zombies'], 'off'>;

/** A streamed attempt at an upstream, as its progress knows it. */
export interface WatchedStream {
  /** Path and body of its request. */
  readonly request: { readonly route: string; readonly body: Buffer };
  /** Ends it: its upstream is a zombie. */
  abandon(): void;
}

/**
 * What the streams of one upstream show of its progress, on the gateway's clock. Streams only: the work on any other response cannot be
 * seen before its end.
 */
export interface Progress {
  readonly streams: Set<WatchedStream>;
  /** Since when there has been at least one stream. */
  busySinceMs: number;
  /** When a stream last showed output. */
  outputMs: number;
  /** Since when it is out as a zombie; undefined while it is in. */
  zombieSinceMs: number | undefined;
  /** When it may be tried next. */
  trialDueMs: number;
}

/** Progress of an upstream that has had no stream yet. */
export function newProgress(): Progress {
  const never = Number.NEGATIVE_INFINITY;
  return { streams: new Set(), busySinceMs: never, outputMs: never, zombieSinceMs: undefined, trialDueMs: never };
}

/** Adds a stream. */
export function beginStream(progress: Progress, stream: WatchedStream, nowMs: number): void {
  if (progress.streams.size === 0) progress.busySinceMs = nowMs;
  progress.streams.add(stream);
}

/** Interval in which the output of an upstream is looked for, in ms. */
const PROGRESS_MS = 100;

/** Whether a stream is to be read for output, which is seldom, however many streams there are. */
export function wantsOutput(progress: Progress | undefined, nowMs: number): progress is Progress {
  return progress !== undefined && nowMs - progress.outputMs > PROGRESS_MS;
}

/** How long an upstream that has streams has shown no output on any of them, in ms; 0 without streams. */
export function silentMs({ streams, busySinceMs, outputMs }: Progress, nowMs: number): number {
  return streams.size === 0 ? 0 : nowMs - Math.max(busySinceMs, outputMs);
}

/**
 * Whether an upstream is a zombie: it accepts requests, and its health checks may pass, but none of at least `minStreams` streams has shown output for
 * `silentMs`. One slow request is none, since the others go on beside it; that is what sets this apart from a timeout.
 *
 * ```
 *  stream a  ──t─t─t─t─t                    ┐
 *  stream b     ───────────t                ├ no output on any of them for silentMs: out; all three go elsewhere, or end
 *  stream c                  ────────────── ┘
 *                          └─── silentMs ──┘
 * ```
 */
export function isZombie(options: ZombieOptions, progress: Progress, nowMs: number): boolean {
  return progress.streams.size >= options.minStreams && silentMs(progress, nowMs) >= options.silentMs;
}

/** Takes an upstream out. The streams that it had are the caller's to abandon. */
export function takeOut({ trialMs }: ZombieOptions, progress: Progress, nowMs: number): void {
  progress.zombieSinceMs = nowMs;
  progress.trialDueMs = nowMs + trialMs;
}

/** Whether a zombie has shown output since it was taken out, on a request that it got for want of any other upstream. */
export function hasRevived({ zombieSinceMs, outputMs }: Progress): boolean {
  return zombieSinceMs !== undefined && outputMs > zombieSinceMs;
}
