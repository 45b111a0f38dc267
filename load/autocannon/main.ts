/** The worker process of the `autocannon` engine. */
import { systemClock } from '../../harness/clock.ts';
import { messageOf } from '../../harness/errors.ts';
import { openJournal } from '../worker/journal.ts';
import type { TimedJob } from '../worker/messages.ts';
import { liveAsWorker } from '../worker/worker-life.ts';
import { Probe } from './probe.ts';

const life = liveAsWorker({ job: drive, farewellMs: 1000 });
life.tell({ type: 'ready' });

async function drive(job: TimedJob): Promise<void> {
  const journal = openJournal(job.journalPath, life.die);
  const probe = new Probe(job, { clock: systemClock, journal });
  const startMs = job.zeroMs + (job.plan.segments[0]?.fromMs ?? 0);
  const startCpu = process.cpuUsage();
  const telling = life.tellProgress(() => probe.progress());
  life.stopped.addEventListener('abort', () => probe.stop());
  if (life.stopped.aborted) probe.stop();
  const failure = await probe.run().then(() => undefined, messageOf);
  telling[Symbol.dispose]();
  await journal.close();
  if (failure) {
    const next = 'Look into the logs of the service: is it listening?';
    life.tell({ type: 'failed', failure: { kind: 'stack', code: 'NOTHING_TO_PROBE', message: failure, next } });
  } else {
    const { user, system } = process.cpuUsage(startCpu);
    const peakRssBytes = process.resourceUsage().maxRSS * 1024;
    const wallMs = systemClock.nowMs() - startMs;
    const { requests } = probe;
    const summary = { cpuMs: (user + system) / 1000, wallMs, peakRssBytes, cores: 1, requests };
    life.tell({ type: 'done', progress: probe.progress(), summary });
  }
  await life.leave();
}
