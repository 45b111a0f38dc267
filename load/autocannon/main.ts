/** The worker process of the `autocannon` engine. */
import { systemClock } from '../../harness/clock.ts';
import { messageOf } from '../../harness/errors.ts';
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
  const running = new Probe(job, { clock: systemClock, journal });
  const startMs = job.zeroMs + (job.plan.segments[0]?.fromMs ?? 0);
  const startCpu = process.cpuUsage();
  probe = running;
  worker.stopped.addEventListener('abort', () => running.stop());
  if (worker.stopped.aborted) running.stop();
  const failure = await running.run().then(() => undefined, messageOf);
  await journal.close();
  if (failure) {
    const next = 'Look into the logs of the service: is it listening?';
    await worker.fail({ kind: 'stack', code: 'NOTHING_TO_PROBE', message: failure, next });
  } else {
    const { user, system } = process.cpuUsage(startCpu);
    const peakRssBytes = process.resourceUsage().maxRSS * 1024;
    const wallMs = systemClock.nowMs() - startMs;
    const { requests } = running;
    const summary = { cpuMs: (user + system) / 1000, wallMs, peakRssBytes, cores: 1, requests };
    await worker.finish({ progress: running.progress(), summary });
  }
}
