/**
 * The collector beside k6: it starts k6, compares clocks, lets it begin, and writes down what each request came to.
 */
import { availableParallelism } from 'node:os';
import { systemClock } from '../../harness/clock.ts';
import type { LoadJob, LoadProgress, LoadSummary } from '../../harness/contracts.ts';
import type { WorkerFailure } from '../../harness/host/worker.ts';
import { isClosed } from '../schedule.ts';
import { openJournal } from '../worker/journal.ts';
import { loadProcess } from '../worker/load-process.ts';
import type { TimedJob } from '../worker/messages.ts';
import { type Usage, usageOf } from '../worker/usage.ts';
import { openControl } from './control.ts';
import { failureOf } from './failure.ts';
import { startK6 } from './process.ts';
import type { K6Program } from './program/launch.ts';
import { Recorder } from './recorder.ts';
import { scriptPlan } from './script/plan.ts';

const METER_MS = 250;
/** Users wait for their own instants, so they may be there before the first of them. */
const USERS_LEAD_MS = 250;
/** A wall clock that was set while k6 ran makes its records worthless; k6 shows it in whole ms. */
const CLOCK_STEP_MS = 20;

const timed = Promise.withResolvers<TimedJob>();
let progress: () => LoadProgress | undefined = () => undefined;
const worker = loadProcess({
  prepare: (job, settings) => collect(job, settings as unknown as K6Settings),
  job: async job => timed.resolve(job),
  progress: () => progress(),
  // Long enough for k6 to leave.
  farewellMs: 3000,
});

interface K6Settings {
  readonly program: K6Program;
  readonly script: string;
}

async function collect(job: LoadJob, { program, script }: K6Settings): Promise<void> {
  const journal = openJournal(job.journalPath, worker.die);
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
      recorder = new Recorder({ ...job, journal, offsetMs: clock.offsetMs - startAtMs });
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
  // What k6 calls a dropped iteration of a closed loop is a user who was cut short.
  const onDrop = (wallMs: number) => isOpen && recorder?.dropped(wallMs - wallAtStart - startAtMs);
  const k6 = await startK6({ ...job, program, script, plan, controlUrl: control.url, onLine, onDrop });
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
  if (exit.code !== 0 && !worker.stopped.aborted) return fail(failureOf(exit.code, exit.signal, exit.lastWords));
  const wallStepMs = wallOffsetMs() - wallAtStart;
  if (Math.abs(wallStepMs) > CLOCK_STEP_MS) return fail(clockStepped(wallStepMs));
  const told = recorder ?? new Recorder({ ...job, journal, offsetMs: 0 });
  const summary = { ...meter.summary(), requests: told.requests, ...(isOpen ? { lateness: 'unknown' as const } : {}) };
  await worker.finish({ progress: told.progress(runMs()), summary });
}

/** Of this machine's wall clock, which is k6's too, against its monotonic one. */
function wallOffsetMs(): number {
  return Date.now() - systemClock.nowMs();
}

interface Meter {
  /** Counts from now on, so that waiting for the schedule does not make the generator look idle. */
  reset(): void;
  /** Reads k6's figures while they can be read. */
  read(): void;
  summary(): LoadSummary;
}

/** What k6 and this collector use together. */
function startMeter(pid: () => number): Meter {
  let k6: Usage = { cpuMs: 0, peakRssBytes: 0 };
  let atStart = k6;
  let startMs = systemClock.nowMs();
  let startCpu = process.cpuUsage();
  const read = () => {
    k6 = usageOf(pid()) ?? k6;
  };
  setInterval(read, METER_MS).unref();
  return {
    read,
    reset: () => {
      read();
      atStart = k6;
      startMs = systemClock.nowMs();
      startCpu = process.cpuUsage();
    },
    summary: () => {
      const own = process.cpuUsage(startCpu);
      process.stderr.write(`k6 alone used ${k6.cpuMs - atStart.cpuMs} ms of CPU\n`);
      return {
        cpuMs: k6.cpuMs - atStart.cpuMs + (own.user + own.system) / 1000,
        wallMs: systemClock.nowMs() - startMs,
        peakRssBytes: k6.peakRssBytes + process.resourceUsage().maxRSS * 1024,
        // k6's virtual users run on all of them.
        cores: availableParallelism(),
      };
    },
  };
}

function clockStepped(stepMs: number): WorkerFailure {
  const message = `The wall clock, by which k6 times, was set by ${stepMs.toFixed(0)} ms while it ran`;
  return { kind: 'environment', code: 'K6_CLOCK_STEPPED', message, next: 'Run it again.' };
}

async function fail(failure: WorkerFailure): Promise<void> {
  process.stderr.write(`${failure.message}\n`);
  await worker.fail(failure);
}
