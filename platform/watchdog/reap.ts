import {
  isGroupAlive,
  processesOfRun,
  signalGroup,
  signalProcess,
  startTimeOf,
} from '../../harness/host/process-group.ts';
import { type SweepOptions, type Swept, sweep } from './sweep.ts';

/** A process group with what tells it from a later one of the same number. */
export interface GuardedGroup {
  readonly pgid: number;
  /** Start time of its leader when it was registered; undefined when that was not known. */
  readonly leaderStartTime: string | undefined;
}

/** Whom to kill. A process between fork and exec still has its parent's environment, hence `quietMs`. */
export interface ReapOptions extends SweepOptions {
  readonly groups: readonly GuardedGroup[];
  readonly runId: string;
}

/** What {@link reap} did. */
export interface Reaped extends Swept {
  /** Groups and single processes that were found alive. */
  readonly groups: readonly number[];
  readonly processes: readonly number[];
}

const POLL_MS = 50;

/**
 * Kills groups, and everything that carries the mark of `runId`, and looks again until nobody is left. The mark covers what
 * was spawned but not yet registered, and descendants that left their group.
 */
export async function reap(options: ReapOptions): Promise<Reaped> {
  const groups = new Set<number>();
  const processes = new Set<number>();
  const swept = await sweep(options, POLL_MS, () => {
    const alive = options.groups.filter(isStillThere);
    const marked = processesOfRun(options.runId);
    for (const { pgid } of alive) {
      groups.add(pgid);
      signalGroup(pgid, 'SIGKILL');
    }
    for (const pid of marked) {
      processes.add(pid);
      signalProcess(pid, 'SIGKILL');
    }
    return alive.length + marked.length;
  });
  return { groups: [...groups], processes: [...processes], ...swept };
}

/** Whether a group lives and is the one that was registered: a leader with another start time is a stranger. */
function isStillThere({ pgid, leaderStartTime }: GuardedGroup): boolean {
  if (!isGroupAlive(pgid)) return false;
  const startTime = startTimeOf(pgid);
  return startTime === undefined || leaderStartTime === undefined || startTime === leaderStartTime;
}
