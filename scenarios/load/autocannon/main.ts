/**
 * The worker process of the `autocannon` engine. It is told its job over IPC, drives it, and ends by itself: when the load is
 * done, on SIGTERM, and when the process that started it goes away.
 */
import { once } from 'node:events';
import { systemClock } from '../../../harness/clock.ts';
import { messageOf } from '../../../harness/errors.ts';
import { openJournal } from '../journal.ts';
import type { FromWorker, TimedJob, ToWorker } from '../messages.ts';
import { Probe } from './probe.ts';

const PROGRESS_MS = 250;
const FAREWELL_MS = 1000;

const stopped = new AbortController();
process.on('disconnect', leave);
process.on('SIGTERM', leave);
process.on('message', (message: ToWorker) => {
  if (message.type === 'job') drive(message.job).catch(die);
  if (message.type === 'stop') stopped.abort();
});

tell({ type: 'ready' });

async function drive(job: TimedJob): Promise<void> {
  const journal = openJournal(job.journalPath, die);
  const probe = new Probe(job, { clock: systemClock, journal });
  const startMs = job.zeroMs + (job.plan.segments[0]?.fromMs ?? 0);
  const startCpu = process.cpuUsage();
  const timer = setInterval(() => tell({ type: 'progress', progress: probe.progress() }), PROGRESS_MS);
  stopped.signal.addEventListener('abort', () => probe.stop());
  if (stopped.signal.aborted) probe.stop();
  const failure = await probe.run().then(() => undefined, messageOf);
  clearInterval(timer);
  await journal.close();
  if (failure) {
    const next = 'Look into the logs of the service: is it listening?';
    tell({ type: 'failed', failure: { kind: 'stack', code: 'NOTHING_TO_PROBE', message: failure, next } });
  } else {
    const { user, system } = process.cpuUsage(startCpu);
    const peakRssBytes = process.resourceUsage().maxRSS * 1024;
    const wallMs = systemClock.nowMs() - startMs;
    const { requests } = probe;
    const summary = { cpuMs: (user + system) / 1000, wallMs, peakRssBytes, cores: 1, requests };
    tell({ type: 'done', progress: probe.progress(), summary });
  }
  if (process.connected) await once(process, 'disconnect');
  process.exit(0);
}

function tell(message: FromWorker): void {
  if (process.connected) process.send!(message, undefined, undefined, () => {});
}

function leave(): void {
  stopped.abort();
  setTimeout(() => process.exit(0), FAREWELL_MS).unref();
}

function die(error: unknown): void {
  console.error(error);
  process.exit(1);
}
