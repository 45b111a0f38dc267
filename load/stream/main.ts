/** The worker process of the `stream` engine. */
import { systemClock } from '../../harness/clock.ts';
import type { LoadJob, LoadSummary } from '../../harness/contracts.ts';
import { type Journal, openJournal } from '../worker/journal.ts';
import { loadProcess } from '../worker/load-process.ts';
import type { TimedJob } from '../worker/messages.ts';
import { LoadDriver } from './driver.ts';
import { startPacer } from './pacer.ts';

const log = (line: string) => void process.stderr.write(`${line}\n`);
const prepared = Promise.withResolvers<{ readonly load: LoadDriver; readonly journal: Journal }>();
let running: LoadDriver | undefined;
const worker = loadProcess({ prepare, job: drive, progress: () => running?.progress(), farewellMs: 1000 });

/** Reading a trace may take seconds and would delay every due request, so it is done before the start is chosen. */
async function prepare(job: LoadJob): Promise<void> {
  const journal = openJournal(job.journalPath, worker.die);
  prepared.resolve({ journal, load: new LoadDriver(job, { clock: systemClock, journal, pacer: startPacer, log }) });
  worker.ready();
}

async function drive(job: TimedJob): Promise<void> {
  const { load, journal } = await prepared.promise;
  const summarise = measure(job, load);
  running = load;
  worker.stopped.addEventListener('abort', () => load.stop());
  if (worker.stopped.aborted) load.stop();
  await load.run(job.startAtMs);
  await journal.close();
  if (load.resent > 0) log(`resent after a stale keep-alive connection: ${load.resent}`);
  await worker.finish({ progress: load.progress(), summary: summarise() });
}

/** Measures from the first instant of the schedule to its last: waiting before and after would make the generator look idle. */
function measure(job: TimedJob, load: LoadDriver): () => LoadSummary {
  const { ramps } = job.plan;
  let start = usage();
  let end: ReturnType<typeof usage> | undefined;
  at(job.startAtMs + (ramps[0]?.fromMs ?? 0), () => {
    start = usage();
  });
  at(job.startAtMs + (ramps.at(-1)?.toMs ?? 0), () => {
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
