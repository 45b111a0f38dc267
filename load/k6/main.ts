/** Collector process of the `k6` engine: starts k6, compares clocks, starts the load and records each request. */
import { availableParallelism } from 'node:os';
import { every, systemClock } from '../../harness/clock.ts';
import type { LoadJob, LoadProgress, LoadSummary } from '../../harness/contracts.ts';
import { readAllPrompts } from '../request/prompts-file.ts';
import { resolvedPlan } from '../request/secrets.ts';
import { isClosed } from '../schedule.ts';
import { secretsOf } from '../stream/response/notes.ts';
import { openJournal } from '../worker/journal.ts';
import { loadProcess, type TimedJob } from '../worker/load-process.ts';
import { NOTHING_YET } from '../worker/sum.ts';
import { measureUsage, type Usage, usageOf } from '../worker/usage.ts';
import { openControl } from './control.ts';
import { failureOf } from './failure.ts';
import { startK6 } from './process.ts';
import type { FoundK6 } from './program/find.ts';
import { Recorder } from './recorder.ts';
import { scriptPlan } from './script/plan.ts';

const METER_MS = 250;
/** Time by which users of a closed loop start before the first is due, in ms; each waits for its own instant. */
const USERS_LEAD_MS = 250;
/** Maximum change of the wall clock, by which k6 times drops, in ms. */
const CLOCK_STEP_MS = 20;

const timed = Promise.withResolvers<TimedJob>();
let progress: () => LoadProgress | undefined = () => undefined;
const worker = loadProcess({
  prepare: (job, settings) => collect(job, settings as unknown as K6Settings),
  job: async job => timed.resolve(job),
  progress: () => progress(),
  // Long enough for k6 to exit.
  farewellMs: 3000,
});

interface K6Settings {
  readonly program: FoundK6;
  readonly script: string;
}

async function collect(job: LoadJob, { program, script }: K6Settings): Promise<void> {
  const journal = openJournal(job.journalPath, worker.die, job.journalBytes);
  let recorder: Recorder | undefined;
  let startAtMs = 0;
  let pid = 0;
  const wallAtStart = wallOffsetMs();
  const meter = startMeter(() => pid);
  using control = await openControl({
    begin: async clock => {
      pid = await k6.pid();
      worker.ready();
      ({ startAtMs } = await timed.promise);
      const { headers = {} } = resolvedPlan(job.plan, process.env);
      const secrets = secretsOf({ authorization: job.authorization, ...headers });
      recorder = new Recorder({ ...job, journal, offsetMs: clock.offsetMs - startAtMs, secrets });
      process.stderr.write(`k6's clock was read within ${(clock.roundTripMs / 2).toFixed(3)} ms\n`);
      const leadMs = isClosed(job.plan.arrivals) ? USERS_LEAD_MS : 0;
      const beginMs = startAtMs + (job.plan.ramps[0]?.fromMs ?? 0) - leadMs;
      await systemClock.sleep(beginMs - systemClock.nowMs()).then(meter.reset);
      return startAtMs - clock.offsetMs;
    },
    end: meter.read,
  });
  const plan = scriptPlan(job);
  const onLine = (line: Parameters<Recorder['take']>[0]) => recorder?.take(line);
  const isOpen = !isClosed(job.plan.arrivals);
  // In a closed loop, k6 counts interrupted users as dropped iterations.
  const onDrop = (wallMs: number) => isOpen && recorder?.dropped(wallMs - wallAtStart - startAtMs);
  const prompts = readAllPrompts(job.plan)(job.plan.workload);
  const k6 = await startK6({ ...job, program, script, plan, prompts, controlUrl: control.url, onLine, onDrop });
  const runMs = () => systemClock.nowMs() - startAtMs;
  progress = () => recorder?.progress(runMs());
  const stop = () => {
    recorder?.stop(runMs());
    k6.stop();
  };
  if (worker.stopped.aborted) stop();
  else worker.stopped.addEventListener('abort', stop);

  const exit = await k6.ended;
  recorder?.finish(runMs());
  await journal.close();
  await k6[Symbol.asyncDispose]();
  if (exit.code !== 0 && !worker.stopped.aborted) return worker.fail(failureOf(exit));
  const wallStepMs = wallOffsetMs() - wallAtStart;
  if (Math.abs(wallStepMs) > CLOCK_STEP_MS) {
    const message = `The wall clock, which k6 uses, was changed by ${wallStepMs.toFixed(0)} ms during the run`;
    return worker.fail({ kind: 'environment', code: 'K6_CLOCK_STEPPED', message, next: 'Run it again.' });
  }
  const { requests = 0 } = recorder ?? {};
  const final = progress() ?? NOTHING_YET;
  const { notes = [] } = final;
  const summary = { ...meter.summary(), requests, notes, ...(isOpen && { lateness: 'unknown' as const }) };
  await worker.finish({ progress: final, summary });
}

/** Wall clock of this machine, and of k6, minus its monotonic clock. */
function wallOffsetMs(): number {
  return systemClock.date().getTime() - systemClock.nowMs();
}

/** Measures the resource usage of k6 and this collector together. */
function startMeter(pid: () => number) {
  let k6: Usage = { cpuMs: 0, peakRssBytes: 0 };
  let atStart = k6;
  let own = measureUsage();
  const read = () => {
    k6 = usageOf(pid()) ?? k6;
  };
  every(systemClock, METER_MS, read);
  return {
    /** Reads the usage of k6 while it runs. */
    read,
    /** Starts the measurement: waiting for the schedule would make the generator look idle. */
    reset: () => {
      read();
      atStart = k6;
      own = measureUsage();
    },
    summary: (): LoadSummary => {
      const { cpuMs, wallMs, peakRssBytes } = own();
      const k6CpuMs = k6.cpuMs - atStart.cpuMs;
      process.stderr.write(`k6 alone used ${k6CpuMs} ms of CPU\n`);
      return {
        cpuMs: k6CpuMs + cpuMs,
        wallMs,
        peakRssBytes: k6.peakRssBytes + peakRssBytes,
        // k6's virtual users run on all cores.
        cores: availableParallelism(),
      };
    },
  };
}
