/** The worker process of the `autocannon` engine. */
import { systemClock } from '../../harness/clock.ts';
import { SquallError } from '../../harness/errors.ts';
import { openJournal } from '../worker/journal.ts';
import { loadProcess } from '../worker/load-process.ts';
import type { TimedJob } from '../worker/messages.ts';
import { Probe } from './probe.ts';

let probe: Probe | undefined;
const worker = loadProcess({
  prepare: async () => worker.ready(),
  job: drive,
  progress: () => probe?.progress(),
  farewellMs: 1000,
});

async function drive(job: TimedJob): Promise<void> {
  const journal = openJournal(job.journalPath, worker.die);
  const running = new Probe(job, systemClock, journal);
  const startMs = job.startAtMs + (job.plan.ramps[0]?.fromMs ?? 0);
  const startCpu = process.cpuUsage();
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
  const { user, system } = process.cpuUsage(startCpu);
  const { requests } = running;
  await worker.finish({
    progress: running.progress(),
    summary: {
      cpuMs: (user + system) / 1000,
      wallMs: systemClock.nowMs() - startMs,
      peakRssBytes: process.resourceUsage().maxRSS * 1024,
      cores: 1,
      requests,
      lateness: 'unknown',
    },
  });
}
