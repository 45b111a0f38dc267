/**
 * The worker process of the `stream` engine. It is told its job over IPC, drives it, and ends by itself: when the load is
 * done, on SIGTERM, and when the process that started it goes away.
 */
import { once } from 'node:events';
import { systemClock } from '../../../harness/clock.ts';
import type { LoadSummary } from '../../../harness/contracts.ts';
import { openJournal } from '../journal.ts';
import { Drive } from './drive.ts';
import type { FromWorker, TimedJob, ToWorker } from './messages.ts';
import { startPacer } from './pacer.ts';

const PROGRESS_MS = 250;
/** Longest time between losing the parent and the end, in ms; enough to write down what is known. */
const FAREWELL_MS = 1000;

const stopped = new AbortController();
process.on('disconnect', leave);
process.on('SIGTERM', leave);
process.on('message', (message: ToWorker) => {
  if (message.type === 'job') drive(message.job).catch(fail);
  else stopped.abort();
});

tell({ type: 'ready' });

async function drive(job: TimedJob): Promise<void> {
  const journal = openJournal(job.journalPath, fail);
  const log = (line: string) => void process.stderr.write(`${line}\n`);
  const load = new Drive(job, { clock: systemClock, journal, pacer: startPacer, log });
  const summarise = measure(job, load);
  const timer = setInterval(() => tell({ type: 'progress', progress: load.progress() }), PROGRESS_MS);
  stopped.signal.addEventListener('abort', () => load.stop());
  if (stopped.signal.aborted) load.stop();
  await load.run();
  clearInterval(timer);
  await journal.close();
  if (load.resent > 0) log(`sent again after a stale keep-alive connection: ${load.resent}`);
  tell({ type: 'done', progress: load.progress(), summary: summarise() });
  if (process.connected) await once(process, 'disconnect');
  process.exit(0);
}

/**
 * Counts from the first instant of the schedule to its last, so that waiting for it, and for the last answers, does not make the
 * generator look idle.
 */
function measure(job: TimedJob, load: Drive): () => LoadSummary {
  const { segments } = job.plan;
  let start = usage();
  let end: ReturnType<typeof usage> | undefined;
  at(job.zeroMs + (segments[0]?.fromMs ?? 0), () => {
    start = usage();
  });
  at(job.zeroMs + (segments.at(-1)?.toMs ?? 0), () => {
    end = usage();
  });
  return () => {
    const last = end ?? usage();
    return {
      cpuMs: last.cpuMs - start.cpuMs,
      wallMs: last.nowMs - start.nowMs,
      peakRssBytes: process.resourceUsage().maxRSS * 1024,
      // Everything happens on the main thread; the pacer's sleeps.
      cores: 1,
      requests: load.requests,
    };
  };
}

function usage() {
  const { user, system } = process.cpuUsage();
  return { nowMs: systemClock.nowMs(), cpuMs: (user + system) / 1000 };
}

function at(dueMs: number, act: () => void): void {
  setTimeout(act, Math.max(0, dueMs - systemClock.nowMs())).unref();
}

function tell(message: FromWorker): void {
  if (process.connected) process.send!(message, undefined, undefined, () => {});
}

function leave(): void {
  stopped.abort();
  setTimeout(() => process.exit(0), FAREWELL_MS).unref();
}

function fail(error: unknown): void {
  console.error(error);
  process.exit(1);
}
