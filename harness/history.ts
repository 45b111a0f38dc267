import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { Clock } from './clock.ts';
import type { LoadSummary, ReplicaState } from './contracts.ts';
import type { Readings } from './metrics.ts';
import type { RunPlan } from './plan.ts';
import type { AttackOutcome } from './requests.ts';

/** The phases of a run, in order. */
export type Phase = 'up' | 'warm-up' | 'drive' | 'recover' | 'drain' | 'down' | 'done';

/** What is known of the place where a run happened. */
export interface Surroundings {
  readonly id: string;
  /** ISO-8601, wall clock, for people only. */
  readonly startedAt: string;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly versions: Readonly<Record<string, string>>;
}

/** One run that a merged history was made of. */
export interface MergedSegment {
  readonly index: number;
  /** Id of the run. */
  readonly run: string;
  /** Its time zero by its machine's wall clock, ISO-8601; null where it never came to one. */
  readonly zeroAt: string | null;
  readonly requests: number;
}

/** What happened, without its time. */
export type RunEvent =
  | { readonly type: 'plan'; readonly plan: RunPlan; readonly surroundings: Surroundings }
  /** `wallMs`, which the history notes itself, is the wall clock in ms since 1970: where the two clocks part, one was stopped or set. */
  | { readonly type: 'phase'; readonly phase: Phase; readonly wallMs?: number }
  /** Time zero lies `inMs` after this event; `at` is when by the wall clock, ISO-8601. */
  | { readonly type: 'zero'; readonly inMs: number; readonly at?: string }
  /** This history was merged from those of runs that shared a load, each aligned by its own time zero. */
  | { readonly type: 'merged'; readonly segments: readonly MergedSegment[] }
  | { readonly type: 'versions'; readonly versions: Readonly<Record<string, string>> }
  | {
      readonly type: 'replica';
      readonly replica: string;
      readonly service: string;
      readonly state: ReplicaState;
      readonly detail?: string;
    }
  | {
      readonly type: 'fault';
      readonly id: string;
      readonly step: 'injected' | 'bit' | 'never-bit' | 'heal' | 'healed' | 'not-healed' | 'failed';
      readonly evidence: string;
      /** When it was seen, on the same scale as the event's own time, where that is earlier. */
      readonly seenMs?: number;
      readonly requests?: AttackOutcome;
    }
  /** One round of metric samples: asked for at `seenMs`, on the same scale as the event's own time; by replica. */
  | { readonly type: 'sample'; readonly seenMs: number; readonly readings: Readonly<Record<string, Readings>> }
  | { readonly type: 'load'; readonly summary: LoadSummary }
  /** Something that makes the run's numbers meaningless; the verdict is then `invalid`. */
  | { readonly type: 'invalid'; readonly guard: string; readonly reason: string }
  | { readonly type: 'interrupted'; readonly by: string }
  | { readonly type: 'crashed'; readonly reason: string };

/** An event with its time in ms on the run's time line: zero is when driving starts, earlier is negative. */
export type TimedEvent = RunEvent & { readonly atMs: number };

/** The append-only record of a run. Every other file and every number is a fold over it and the request records. */
export interface History extends Disposable {
  /** Writes the event to disk before it returns, so a killed run leaves a readable prefix. */
  append(event: RunEvent): void;
  /** Calls `listener` with every later event. */
  listen(listener: (event: RunEvent) => void): void;
  /** Now, on the same scale as the events in the file: ms since the history was opened. */
  nowMs(): number;
}

/**
 * Opens a new history file, which must not exist.
 * In the file `atMs` counts from this moment; {@link readHistory} moves the origin to time zero.
 */
export function openHistory(path: string, clock: Clock): History {
  const file = openSync(path, 'wx');
  const openedMs = clock.nowMs();
  const listeners: ((event: RunEvent) => void)[] = [];
  const nowMs = () => Number((clock.nowMs() - openedMs).toFixed(3));
  return {
    append(event) {
      const noted = event.type === 'phase' ? { ...event, wallMs: clock.date().getTime() } : event;
      writeSync(file, `${JSON.stringify({ atMs: nowMs(), ...noted })}\n`);
      for (const listener of listeners) listener(event);
    },
    listen: listener => void listeners.push(listener),
    nowMs,
    [Symbol.dispose]: () => closeSync(file),
  };
}

/**
 * Reads a history, with times moved to the run's time line. A last line that was cut off by a kill is left out.
 * A run that never came to drive keeps its opening as origin.
 */
export function readHistory(path: string): TimedEvent[] {
  const events: TimedEvent[] = [];
  const lines = readFileSync(path, 'utf8').split('\n');
  for (const [index, line] of lines.entries()) {
    if (line === '') continue;
    try {
      events.push(JSON.parse(line));
    } catch (error) {
      if (index !== lines.length - 1) throw error;
    }
  }
  const zero = events.find(event => event.type === 'zero');
  const originMs = zero ? zero.atMs + zero.inMs : 0;
  return events.map(event => ({
    ...event,
    atMs: round(event.atMs - originMs),
    ...('seenMs' in event && event.seenMs !== undefined ? { seenMs: round(event.seenMs - originMs) } : {}),
  }));
}

function round(ms: number): number {
  return Number(ms.toFixed(3));
}
