/** The worker process of the `stream` engine. */
import type { LoadJob } from '../../harness/contracts.ts';
import { thisMachine } from '../../harness/host/network.ts';
import { type Journal, openJournal } from '../worker/journal.ts';
import { loadProcess, type TimedJob } from '../worker/load-process.ts';
import { measureLoad } from '../worker/usage.ts';
import { LoadDriver } from './driver.ts';
import { startPacer } from './pacer.ts';

const log = (line: string) => void process.stderr.write(`${line}\n`);
const prepared = Promise.withResolvers<{ readonly load: LoadDriver; readonly journal: Journal }>();
let running: LoadDriver | undefined;
const worker = loadProcess({ prepare, job: drive, progress: () => running?.progress(), farewellMs: 1000 });

/** Reading a trace may take seconds and would delay every due request, so it is done before the start is chosen. */
async function prepare(job: LoadJob): Promise<void> {
  const journal = openJournal(job.journalPath, worker.die, job.journalBytes);
  const load = new LoadDriver(job, { machine: thisMachine, journal, pacer: startPacer, log });
  await load.signIn();
  prepared.resolve({ journal, load });
  worker.ready();
}

async function drive(job: TimedJob): Promise<void> {
  const { load, journal } = await prepared.promise;
  const measured = measureLoad(job);
  running = load;
  worker.stopped.addEventListener('abort', () => load.stop());
  if (worker.stopped.aborted) load.stop();
  await load.run(job.startAtMs);
  await journal.close();
  // Everything happens on the main thread; the pacer's sleeps.
  const progress = load.progress();
  const { requests, connections } = load;
  const summary = { ...measured(), cores: 1, requests, connections, notes: progress.notes ?? [] };
  await worker.finish({ progress, summary });
}
