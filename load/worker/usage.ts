import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { systemClock } from '../../harness/clock.ts';
import type { LoadSummary } from '../../harness/contracts.ts';
import type { TimedJob } from './load-process.ts';

/** Resource usage of a process so far. */
export interface Usage {
  readonly cpuMs: number;
  readonly peakRssBytes: number;
}

type Measurement = Pick<LoadSummary, 'cpuMs' | 'wallMs' | 'peakRssBytes'>;

/** Starts measuring this process. @returns its usage since then */
export function measureUsage(): () => Measurement {
  const startMs = systemClock.nowMs();
  const startCpu = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(startCpu);
    const peakRssBytes = process.resourceUsage().maxRSS * 1024;
    return { cpuMs: (user + system) / 1000, wallMs: systemClock.nowMs() - startMs, peakRssBytes };
  };
}

/** Measures this process from the first instant of a schedule to its last: waiting before and after would make it look idle. */
export function measureLoad({ plan: { ramps }, startAtMs }: TimedJob): () => Measurement {
  let read = measureUsage();
  const at = (runMs: number, action: () => void) =>
    systemClock.timeout(startAtMs + runMs - systemClock.nowMs()).addEventListener('abort', action);
  at(ramps[0]?.fromMs ?? 0, () => {
    read = measureUsage();
  });
  at(ramps.at(-1)?.toMs ?? 0, () => {
    const atEnd = read();
    read = () => atEnd;
  });
  return () => read();
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
