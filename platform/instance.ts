import { type Clock, settlesWithin } from '../harness/clock.ts';
import type { ReplicaContainer } from '../harness/contracts.ts';
import { KILL_LIMIT_MS } from '../harness/host/process-group.ts';

/** End of an instance. */
export interface Ending {
  /** For example `exit code 3` or `SIGKILL`. */
  readonly how: string;
  /** Whether it was killed for its memory use, where the platform knows. */
  readonly isOutOfMemory: boolean;
}

/** One run of a replica, from start to end: a process with its descendants, or one start of a container. */
export interface Instance {
  /** Process id; undefined if it could not be started, and until it is known. */
  readonly pid: number | undefined;
  /** Unique name of what runs, such as `process 4711`; undefined as long as `pid` is. */
  readonly label: string | undefined;
  /** Offset of its part of the log, in bytes. */
  readonly logFromByte: number;
  /** Resolves once nothing of it is left. Never rejects. */
  readonly gone: Promise<Ending>;
  /** Signals all of its processes; no effect after its end. */
  signal(signal: NodeJS.Signals): void;
  /** Freezes all of its processes; no effect after its end. */
  pause(): Promise<void>;
  /** Unfreezes its processes; no effect if they run, or after its end. */
  resume(): Promise<void>;
}

/** Ends an instance with SIGTERM, and SIGKILL after `graceMs`. Resolves at its end, or half a second after the SIGKILL. */
export async function endWithin(instance: Instance, graceMs: number, clock: Clock): Promise<void> {
  instance.signal('SIGTERM');
  // A paused instance receives SIGTERM only after it continues.
  instance.resume().catch(() => {});
  if (await settlesWithin(instance.gone, graceMs, clock)) return;
  instance.signal('SIGKILL');
  await settlesWithin(instance.gone, KILL_LIMIT_MS, clock);
}

/** What a supervisor keeps running. */
export interface Program {
  /** Log of all its instances. */
  readonly logPath: string;
  /** Operations on its container, if it is one. */
  readonly container?: ReplicaContainer;
  /** Starts the next instance, after the previous one is gone. Never throws: a failed start is an instance that ends with the reason. */
  start(): Instance;
}
