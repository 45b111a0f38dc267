import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** What a process has used so far. */
export interface Usage {
  readonly cpuMs: number;
  readonly peakRssBytes: number;
}

/** Linux reports CPU time in these, whatever its kernel ticks at. */
const MS_PER_TICK = 10;

/**
 * What a running process has used so far, by /proc, exact to 10 ms; elsewhere by `ps`, exact to 10 ms on macOS, with the present
 * memory for its peak.
 * @returns undefined when the process is gone
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
  // The name may hold spaces and brackets; what follows its last bracket begins with field 3.
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
