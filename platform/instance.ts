import { type Clock, settlesWithin } from '../harness/clock.ts';
import type { ReplicaContainer } from '../harness/contracts.ts';
import { KILL_LIMIT_MS } from '../harness/host/process-group.ts';

/** How an instance ended. */
export interface Ending {
  /** Such as `exit code 3` or `SIGKILL`. */
  readonly how: string;
  /** Whether it was killed for its use of memory, where the platform tells. */
  readonly isOutOfMemory: boolean;
}

/** One life of a replica, from its start to its end: a process with its descendants, or one start of a container. */
export interface Instance {
  /** Process id; undefined when it could not be started, and while that is not known yet. */
  readonly pid: number | undefined;
  /** What runs, in words that no other instance shares, such as `process 4711`; undefined as long as `pid` is. */
  readonly label: string | undefined;
  /** Where its part of the log begins, in bytes. */
  readonly logFromByte: number;
  /** Resolves once nothing of it is left. Never rejects. */
  readonly gone: Promise<Ending>;
  /** To all of its processes; nothing happens when it is gone. */
  signal(signal: NodeJS.Signals): void;
  /** Freezes all of its processes; nothing happens when it is gone. */
  pause(): Promise<void>;
  /** Lets them go on; nothing happens when they do, or when it is gone. */
  resume(): Promise<void>;
}

/** Ends an instance: SIGTERM, and SIGKILL after `graceMs`. Resolves when it is gone, or half a second after the SIGKILL. */
export async function endWithin(instance: Instance, graceMs: number, clock: Clock): Promise<void> {
  instance.signal('SIGTERM');
  // One that is paused gets no SIGTERM until it continues.
  instance.resume().catch(() => {});
  if (await settlesWithin(instance.gone, graceMs, clock)) return;
  instance.signal('SIGKILL');
  await settlesWithin(instance.gone, KILL_LIMIT_MS, clock);
}

/** What a supervisor keeps running, whatever it is made of. */
export interface Program {
  /** Where its instances write. */
  readonly logPath: string;
  /** What its container can be made to do, where it is one. */
  readonly container?: ReplicaContainer;
  /** Starts the next instance, after the one before is gone. What goes wrong is how the instance ends; nothing is thrown. */
  start(): Instance;
}
