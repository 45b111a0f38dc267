import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Resource usage of a process so far. */
export interface Usage {
  readonly cpuMs: number;
  readonly peakRssBytes: number;
}

/** Unit of CPU times in /proc, whatever the tick of the kernel. */
const MS_PER_TICK = 10;

/**
 * Resource usage of a running process, from /proc with a resolution of 10 ms; elsewhere from `ps` (10 ms on macOS), with the current
 * memory instead of its peak.
 * @returns undefined if the process has ended
 */
export function usageOf(pid: number): Usage | undefined {
  try {
    return process.platform === 'linux' ? fromProc(pid) : fromPs(pid);
  } catch {
    return undefined;
  }
}

function fromProc(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name may contain spaces and brackets; field 3 follows its last bracket.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const kilobytes = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return {
    cpuMs: (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK,
    peakRssBytes: Number(kilobytes ?? 0) * 1024,
  };
}

function fromPs(pid: number): Usage {
  const [time = '', kilobytes = '0'] = execFileSync('ps', ['-o', 'time=,rss=', '-p', String(pid)], { encoding: 'utf8' })
    .trim()
    .split(/\s+/);
  const seconds = time.split(/[:-]/).reduce((sum, part) => sum * 60 + Number(part), 0);
  return { cpuMs: seconds * 1000, peakRssBytes: Number(kilobytes) * 1024 };
}
