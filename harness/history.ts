import { closeSync, openSync, writeSync } from 'node:fs';
import type { Clock } from './clock.ts';
import type { NodeChange, PlacementChange, ReplicaState, ScaleChange } from './cluster/observer.ts';
import type { LoadSummary } from './contracts.ts';
import { messageOf, SquallError } from './errors.ts';
import { readBytes } from './input/files.ts';
import type { Readings } from './metrics.ts';
import type { RunPlan } from './plan.ts';
import type { AttackOutcome, LoadNote } from './requests.ts';

/** Phase of a run, in order. */
export type Phase = 'up' | 'warm-up' | 'load' | 'recover' | 'drain' | 'down' | 'done';

/** What was checked out where a command was given. */
export interface Revision {
  readonly commit: string;
  /** Absent where nothing tells. */
  readonly branch?: string;
}

/** Environment in which a run took place. */
export interface RunEnvironment {
  readonly id: string;
  /** Wall clock, ISO 8601, for display only. */
  readonly startedAt: string;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly versions: Readonly<Record<string, string>>;
  /** Absent outside of a repository, and in runs of earlier versions. */
  readonly revision?: Revision | undefined;
}

/** Run of one segment, as part of a merged history. */
export interface MergedSegment {
  readonly index: number;
  /** Id of the run. */
  readonly run: string;
  /** Start of its load phase by its machine's wall clock, ISO 8601; null if it did not get that far. */
  readonly startAt: string | null;
  readonly requests: number;
}

/**
 * Step of a fault. `inject` and `heal` are where injection and healing begin, the others where they are over or observed; `hidden`: no
 * effect could be told from the target's own noise.
 */
export type FaultStep =
  | 'inject'
  | 'injected'
  | 'effective'
  | 'no-effect'
  | 'hidden'
  | 'heal'
  | 'healed'
  | 'not-healed'
  | 'failed';

/** Event of a run, without its time. */
export type RunEvent =
  | {
      readonly type: 'plan';
      readonly plan: RunPlan;
      readonly environment: RunEnvironment;
      /** Version of the files of the run; absent in those of {@link RUN_SCHEMA} 1 from before they told. */
      readonly schema?: number;
    }
  /** `wallMs`, added by the history, is the wall clock in ms since 1970. Where it diverges from `atMs`, the machine was suspended or its clock set. */
  | { readonly type: 'phase'; readonly phase: Phase; readonly wallMs?: number }
  /** The load phase starts `inMs` after this event; `at` is that instant by the wall clock, ISO 8601. */
  | { readonly type: 'start'; readonly inMs: number; readonly at?: string }
  /** The history was merged from runs that shared a load, aligned by the start of their load phases. */
  | { readonly type: 'merged'; readonly segments: readonly MergedSegment[] }
  /** A target completed a request of one token; `waitedFor` is what the attempt before it met, empty for none. */
  | { readonly type: 'ready'; readonly tookMs: number; readonly attempts: number; readonly waitedFor: string }
  | { readonly type: 'versions'; readonly versions: Readonly<Record<string, string>> }
  | {
      readonly type: 'replica';
      readonly replica: string;
      readonly service: string;
      readonly state: ReplicaState;
      readonly detail?: string;
      /** Time in ms since the last observation in which it was not in this state; absent where it entered it at `atMs`. */
      readonly withinMs?: number;
    }
  /** The desired number of replicas of a deployment changed. */
  | ({ readonly type: 'scale' } & ScaleChange)
  /** A node of a pool changed its state; a stack without `stack.capacity` has none. */
  | ({ readonly type: 'node' } & NodeChange)
  /** A pod got a place on a node, lost it, or waits for one. */
  | ({ readonly type: 'placement' } & PlacementChange)
  /**
   * What an autoscaler decided at one of its syncs, whether or not that changed anything: `proposal` by the metrics alone, `desired`
   * after windows and limits. Taken from its log when the stack is down. The scrape that it rests on is `sampleAgeMs` older, in ms of
   * the run's own time; absent without one. `unknown`: names of metrics without a value; absent if all had one.
   */
  | {
      readonly type: 'decision';
      readonly deployment: string;
      readonly current: number;
      readonly proposal: number;
      readonly desired: number;
      readonly sampleAgeMs?: number;
      readonly reason: string;
      readonly unknown?: readonly string[];
    }
  /**
   * A condition of an autoscaler changed its status, named as those of a HorizontalPodAutoscaler: `ScalingActive`, `AbleToScale`,
   * `ScalingLimited`, `ScaledToZero`. Taken from its log when the stack is down.
   */
  | {
      readonly type: 'condition';
      readonly deployment: string;
      readonly condition: string;
      readonly status: 'True' | 'False';
      readonly reason: string;
      readonly message: string;
    }
  | {
      readonly type: 'fault';
      readonly id: string;
      readonly step: FaultStep;
      readonly evidence: string;
      /** Time of the observation, on the same scale as the event's own time, where it is earlier. */
      readonly seenMs?: number;
      readonly requests?: AttackOutcome;
    }
  /** One round of metric samples by replica, requested at `seenMs` on the same scale as the event's own time. */
  | { readonly type: 'sample'; readonly seenMs: number; readonly readings: Readonly<Record<string, Readings>> }
  | { readonly type: 'load'; readonly summary: LoadSummary }
  /** What a generator had noticed that ended without a summary. */
  | { readonly type: 'notes'; readonly notes: readonly LoadNote[] }
  /** Makes the run's figures meaningless; the verdict is then `invalid`. */
  | { readonly type: 'invalid'; readonly guard: string; readonly reason: string }
  | { readonly type: 'interrupted'; readonly by: string }
  | { readonly type: 'crashed'; readonly reason: string };

/** Version of the files of a run that this version of Squall writes, and up to which it reads. */
export const RUN_SCHEMA = 1;

/** Event with its time in ms on the run's timeline: 0 is the start of the load phase, earlier times are negative. */
export type TimedEvent = RunEvent & { readonly atMs: number };

/** Append-only record of a run. Every other file and every figure is a fold over it and the request records. */
export interface History extends Disposable {
  /**
   * Writes the event to disk before returning, so that a killed run leaves a readable prefix.
   * @param clockMs when it happened, on the history's clock. @default now
   */
  append(event: RunEvent, clockMs?: number): void;
  /** Calls `listener` with every subsequent event. */
  listen(listener: (event: RunEvent) => void): void;
  /** An instant of its clock on the scale of the file: ms since the history was opened. */
  at(clockMs: number): number;
  /** Now, on the same scale. */
  nowMs(): number;
}

/**
 * Creates a history file, which must not exist, for this user alone. In the file `atMs` counts from this moment; {@link readHistory} moves the origin to
 * the start of the load phase.
 */
export function openHistory(path: string, clock: Clock): History {
  const file = openSync(path, 'wx', 0o600);
  const write = (event: TimedEvent) => void writeSync(file, `${JSON.stringify(event)}\n`);
  return historyOn(clock, write, () => closeSync(file));
}

/** A history in memory, and its events so far as {@link readHistory} would read them. */
export function historyInMemory(clock: Clock): History & { events(): TimedEvent[] } {
  const events: TimedEvent[] = [];
  return {
    ...historyOn(
      clock,
      event => void events.push(event),
      () => {},
    ),
    events: () => onTimeline(events),
  };
}

function historyOn(clock: Clock, write: (event: TimedEvent) => void, close: () => void): History {
  const openedMs = clock.nowMs();
  const at = (clockMs: number) => round(clockMs - openedMs);
  const listeners: ((event: RunEvent) => void)[] = [];
  return {
    append(event, clockMs = clock.nowMs()) {
      const noted = event.type === 'phase' ? { ...event, wallMs: clock.date().getTime() } : event;
      write({ atMs: at(clockMs), ...noted });
      for (const listener of listeners) listener(event);
    },
    listen: listener => void listeners.push(listener),
    at,
    nowMs: () => at(clock.nowMs()),
    [Symbol.dispose]: close,
  };
}

/**
 * Reads a history, with times on the run's timeline. A last line truncated by a kill is ignored. For a run that did not reach its
 * load phase, 0 is the opening of the history.
 * @throws SquallError `BAD_HISTORY` for a file that is none, or larger than 256 MiB; `NEWER_RUN`
 */
export function readHistory(path: string): TimedEvent[] {
  const events: TimedEvent[] = [];
  const lines = textOf(path).split('\n');
  for (const [index, line] of lines.entries()) {
    if (line === '') continue;
    const event = eventIn(line);
    if (event?.type === 'plan') requireKnownSchema(path, event.schema);
    if (event) events.push(event);
    else if (index !== lines.length - 1) throw badHistory(path, `line ${index + 1} is no event`);
  }
  return onTimeline(events);
}

function requireKnownSchema(path: string, schema: unknown = RUN_SCHEMA): void {
  if (typeof schema === 'number' && schema <= RUN_SCHEMA) return;
  const message = `Expected ${path} to be of a version that is known, got schema ${JSON.stringify(schema)}; this version of Squall reads up to ${RUN_SCHEMA}`;
  throw new SquallError('environment', 'NEWER_RUN', message, {
    next: 'Read this run with the version that made it, or a later one.',
  });
}

/** Events with times from the start of the load phase instead of from the opening of the history. */
function onTimeline(events: readonly TimedEvent[]): TimedEvent[] {
  const start = events.find(event => event.type === 'start');
  const originMs = start ? start.atMs + start.inMs : 0;
  return events.map(event => ({
    ...event,
    atMs: round(event.atMs - originMs),
    ...('seenMs' in event && event.seenMs !== undefined ? { seenMs: round(event.seenMs - originMs) } : {}),
  }));
}

/** Id of the run that sent the request at an index: of its segment, where the history was merged. */
export function senderOf(events: readonly TimedEvent[]): (index: number) => string {
  const run = events.find(event => event.type === 'plan')?.environment.id ?? '';
  const segments = events.find(event => event.type === 'merged')?.segments ?? [];
  return index => segments[index % segments.length]?.run ?? run;
}

const MAX_BYTES = 256 * 2 ** 20;

/** A text that was cut off within a character is read, too. */
function textOf(path: string): string {
  try {
    return readBytes(path, MAX_BYTES).toString();
  } catch (error) {
    throw badHistory(path, messageOf(error), error);
  }
}

/** The event of a line; undefined for any other text. */
function eventIn(line: string): TimedEvent | undefined {
  try {
    const event: Partial<TimedEvent> | null = JSON.parse(line);
    const isEvent = typeof event?.type === 'string' && Number.isFinite(event.atMs);
    return isEvent ? (event as TimedEvent) : undefined;
  } catch {
    return undefined;
  }
}

function badHistory(path: string, found: string, cause?: unknown): SquallError {
  return new SquallError('environment', 'BAD_HISTORY', `Expected ${path} to be the history of a run, but: ${found}`, {
    cause,
    next: 'Check that this is the directory of a run, and that the file is unchanged.',
  });
}

function round(ms: number): number {
  return Number(ms.toFixed(3));
}
