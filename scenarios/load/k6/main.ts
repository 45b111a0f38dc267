/**
 * The collector beside k6. It starts k6, compares clocks, lets it begin, writes down what each request came to, and ends by
 * itself: when the load is done, on SIGTERM, and when the process that started it goes away.
 */
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { systemClock } from '../../../harness/clock.ts';
import type { LoadJob, LoadSummary } from '../../../harness/contracts.ts';
import { scriptPlan } from '../../k6/plan.ts';
import { openJournal } from '../journal.ts';
import type { FromWorker, TimedJob, ToWorker, WorkerFailure } from '../messages.ts';
import { type Usage, usageOf } from '../usage.ts';
import { openControl } from './control.ts';
import { failureOf } from './failure.ts';
import type { K6Program } from './launch.ts';
import { startK6 } from './process.ts';
import { Recorder } from './recorder.ts';

const ADVANCE_MS = 50;
const PROGRESS_MS = 250;
/** Longest time between losing the parent and the end, in ms; enough to write down what is known. */
const FAREWELL_MS = 3000;
/** A wall clock that was set while k6 ran makes its records worthless; k6 shows it in whole ms. */
const CLOCK_STEP_MS = 20;

const stopped = new AbortController();
const timed = Promise.withResolvers<TimedJob>();
process.on('disconnect', leave);
process.on('SIGTERM', leave);
process.on('message', (message: ToWorker) => {
  if (message.type === 'prepare') collect(message.job, message.settings as unknown as Settings).catch(die);
  if (message.type === 'job') timed.resolve(message.job);
  if (message.type === 'stop') stopped.abort();
});

interface Settings {
  readonly program: K6Program;
  readonly script: string;
}

async function collect(job: LoadJob, { program, script }: Settings): Promise<void> {
  const journal = openJournal(job.journalPath, die);
  let recorder: Recorder | undefined;
  let zeroMs = 0;
  let pid = 0;
  const wallAtStart = wallOffsetMs();
  const meter = startMeter(() => pid);
  using control = await openControl({
    begin: async clock => {
      pid = await k6.pid();
      tell({ type: 'ready' });
      ({ zeroMs } = await timed.promise);
      recorder = new Recorder({ plan: job.plan, journal, offsetMs: clock.offsetMs - zeroMs });
      process.stderr.write(`k6's clock was read within ${(clock.roundTripMs / 2).toFixed(3)} ms\n`);
      await systemClock.sleep(zeroMs + (job.plan.segments[0]?.fromMs ?? 0) - systemClock.nowMs()).then(meter.reset);
    },
    end: meter.read,
  });
  const plan = scriptPlan(job.plan, job.seed, job.targets, job.origin);
  const onLine = (line: Parameters<Recorder['take']>[0]) => recorder?.take(line);
  const k6 = await startK6({ ...job, program, script, plan, controlUrl: control.url, onLine });
  const runMs = () => systemClock.nowMs() - zeroMs;
  const advancing = setInterval(() => recorder?.advance(runMs()), ADVANCE_MS);
  const telling = setInterval(
    () => recorder && tell({ type: 'progress', progress: recorder.progress(runMs()) }),
    PROGRESS_MS,
  );
  const stop = () => {
    recorder?.stop(runMs());
    k6.stop();
  };
  if (stopped.signal.aborted) stop();
  else stopped.signal.addEventListener('abort', stop);

  const exit = await k6.ended;
  clearInterval(advancing);
  clearInterval(telling);
  recorder?.finish(runMs());
  await journal.close();
  await k6[Symbol.asyncDispose]();
  if (exit.code !== 0 && !stopped.signal.aborted) return fail(failureOf(exit.code, exit.signal, exit.lastWords));
  const wallStepMs = wallOffsetMs() - wallAtStart;
  if (Math.abs(wallStepMs) > CLOCK_STEP_MS) return fail(clockStepped(wallStepMs));
  const told = recorder ?? new Recorder({ plan: job.plan, journal, offsetMs: 0 });
  const summary = { ...meter.summary(), requests: told.requests };
  tell({ type: 'done', progress: told.progress(runMs()), summary });
  await leaveWithParent();
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
  setInterval(read, PROGRESS_MS).unref();
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
  tell({ type: 'failed', failure });
  await leaveWithParent();
}

async function leaveWithParent(): Promise<never> {
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
