import type { Clock } from '../../../harness/clock.ts';
import {
  isGroupAlive,
  processesOfRun,
  signalGroup,
  signalProcess,
  startTimeOf,
} from '../../../harness/process-group.ts';

/** A process group with what tells it from a later one of the same number. */
export interface GuardedGroup {
  readonly pgid: number;
  /** Start time of its leader when it was registered; undefined when that was not known. */
  readonly leaderStartTime: string | undefined;
}

/** Whom to kill. */
export interface ReapOptions {
  readonly groups: readonly GuardedGroup[];
  readonly runId: string;
  readonly clock: Clock;
  /** Gives up after this long, with `isClean` false. */
  readonly limitMs: number;
  /** So long nobody must be found: a process between fork and exec still has its parent's environment. @default 0 */
  readonly quietMs?: number;
}

/** What {@link reap} did. */
export interface Reaped {
  /** Groups and single processes that were found alive. */
  readonly groups: readonly number[];
  readonly processes: readonly number[];
  readonly isClean: boolean;
  readonly tookMs: number;
}

const POLL_MS = 50;

/**
 * Kills groups, and everything that carries the mark of `runId`, and looks again until nobody is left. The mark covers what
 * was spawned but not yet registered, and descendants that left their group.
 */
export async function reap(options: ReapOptions): Promise<Reaped> {
  const { groups, runId, clock, limitMs, quietMs = 0 } = options;
  const startMs = clock.nowMs();
  const foundGroups = new Set<number>();
  const foundProcesses = new Set<number>();
  let lastSeenMs = startMs;
  for (;;) {
    const aliveGroups = groups.filter(isStillThere);
    const marked = processesOfRun(runId);
    for (const { pgid } of aliveGroups) {
      foundGroups.add(pgid);
      signalGroup(pgid, 'SIGKILL');
    }
    for (const pid of marked) {
      foundProcesses.add(pid);
      signalProcess(pid, 'SIGKILL');
    }
    const nowMs = clock.nowMs();
    const isClean = aliveGroups.length === 0 && marked.length === 0;
    if (!isClean) lastSeenMs = nowMs;
    if ((isClean && nowMs - lastSeenMs >= quietMs) || nowMs - startMs >= limitMs)
      return { groups: [...foundGroups], processes: [...foundProcesses], isClean, tookMs: nowMs - startMs };
    await clock.sleep(POLL_MS);
  }
}

/** Whether a group lives and is the one that was registered: a leader with another start time is a stranger. */
function isStillThere({ pgid, leaderStartTime }: GuardedGroup): boolean {
  if (!isGroupAlive(pgid)) return false;
  const startTime = startTimeOf(pgid);
  return startTime === undefined || leaderStartTime === undefined || startTime === leaderStartTime;
}
