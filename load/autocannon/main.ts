/** The worker process of the `autocannon` engine. */
import { systemClock } from '../../harness/clock.ts';
import { SquallError } from '../../harness/errors.ts';
import { openJournal } from '../worker/journal.ts';
import { loadProcess, type TimedJob } from '../worker/load-process.ts';
import { measureLoad } from '../worker/usage.ts';
import { Probe } from './probe.ts';

let probe: Probe | undefined;
const worker = loadProcess({
  prepare: async () => worker.ready(),
  job: drive,
  progress: () => probe?.progress(),
  farewellMs: 1000,
});

async function drive(job: TimedJob): Promise<void> {
  const journal = openJournal(job.journalPath, worker.die, job.journalBytes);
  const running = new Probe(job, systemClock, journal);
  const measured = measureLoad(job);
  probe = running;
  worker.stopped.addEventListener('abort', () => running.stop());
  if (worker.stopped.aborted) running.stop();
  const failure = await running.run().then(
    () => undefined,
    error => error as unknown,
  );
  await journal.close();
  if (failure instanceof SquallError) {
    const { kind, code, message, next = '' } = failure;
    await worker.fail({ kind, code, message, next });
  } else if (failure) worker.die(failure);
  const progress = running.progress();
  const { notes = [] } = progress;
  const summary = { ...measured(), cores: 1, requests: running.requests, notes, lateness: 'unknown' as const };
  await worker.finish({ progress, summary });
}
