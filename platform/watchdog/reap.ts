import {
  isGroupAlive,
  processesOfRun,
  signalGroup,
  signalProcess,
  startTimeOf,
} from '../../harness/host/process-group.ts';
import { type SweepOptions, type Swept, sweep } from './sweep.ts';

/** Process group, distinguished from a later one of the same number. */
export interface GuardedGroup {
  readonly pgid: number;
  /** Start time of its leader at registration; undefined if unknown. */
  readonly leaderStartTime: string | undefined;
}

/** Result of {@link reap}. */
export interface Reaped extends Swept {
  /** Groups and single processes that were found alive. */
  readonly groups: readonly number[];
  readonly processes: readonly number[];
}

const POLL_MS = 50;

/**
 * Kills groups, and every process with `runId` in its environment, until none is left. The latter finds processes spawned but not
 * yet registered, and descendants that left their group. A process between fork and exec still has its parent's environment, hence
 * `quietMs`.
 */
export async function reap(
  options: SweepOptions & { readonly groups: readonly GuardedGroup[]; readonly runId: string },
): Promise<Reaped> {
  const groups = new Set<number>();
  const processes = new Set<number>();
  const swept = await sweep(options, POLL_MS, () => {
    const alive = options.groups.filter(isAlive);
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

/** Whether the registered group is alive: a leader with another start time belongs to a different group. */
function isAlive({ pgid, leaderStartTime }: GuardedGroup): boolean {
  if (!isGroupAlive(pgid)) return false;
  const startTime = startTimeOf(pgid);
  return startTime === undefined || leaderStartTime === undefined || startTime === leaderStartTime;
}
