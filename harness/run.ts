import { type Clock, NEVER, withLimit } from './clock.ts';
import type {
  Fault,
  FaultFactory,
  LoadEngine,
  LoadProgress,
  MetricsSource,
  Platform,
  RunningLoad,
  RunningStack,
  SamplingJob,
  StackObserver,
} from './contracts.ts';
import { messageOf, SquallError } from './errors.ts';
import type { History, RunEnvironment } from './history.ts';
import { type NemesisLimits, runFault } from './nemesis.ts';
import { type FaultPlan, loadEndMs, type RunPlan, warmUpMs } from './plan.ts';
import { formatMs } from './quantity.ts';
import { injects, partitionOfSegment } from './segment.ts';
import { requireVersions, type Versions } from './versions.ts';

/** Everything a run is made of. */
export interface RunParts<Topology> {
  readonly plan: RunPlan;
  readonly environment: RunEnvironment;
  readonly topology: Topology;
  readonly platform: Platform<Topology>;
  readonly engine: LoadEngine;
  readonly createFault: FaultFactory;
  /** Samples the stack's metrics from the warm-up to the end of the drain. @default nothing is sampled */
  readonly metrics?: MetricsSource;
  readonly history: History;
  /** The run directory, absolute. */
  readonly directory: string;
  readonly clock: Clock;
  /** Aborting it interrupts the run: heal, stop, tear down, in that order. The reason's message names who asked. */
  readonly signal: AbortSignal;
  readonly onLoad?: (load: RunningLoad) => void;
  /** When the start shall be by the wall clock, so that runs on several machines drive together. @default as soon as possible */
  readonly startAt?: Date;
  /** Refused where the machine has others; see {@link requireVersions}. @default any */
  readonly requiredVersions?: Versions;
  readonly limits?: Partial<NemesisLimits>;
}

/** Between the moment the generator is ready and its first arrival. */
const LOAD_LEAD_MS = 500;
/** Longest wait for requests in flight after the last arrival; then they are cut and recorded as interrupted. */
const DRAIN_LIMIT_MS = 30_000;
/** Longest wait for a generator that was told to stop. */
const STOP_LIMIT_MS = 5000;
/** Largest partition of warm-up requests that may fail in a stack that is called steady. */
const STEADY_FAILED_RATIO = 0.05;

/**
 * Carries a plan out and writes what happens to the history:
 *
 * ```
 * up ─ warm-up ─ steady? ─ drive ─ recover ─ drain ─ down ─ done
 * ```
 *
 * When it settles, every fault has been healed and everything that was started is gone. An interruption is an event, not an
 * error.
 * @throws what the platform or the load engine throws when they cannot work; the history then has a `crashed` event
 */
export async function run<Topology>(parts: RunParts<Topology>): Promise<void> {
  const { history, signal, plan, environment, directory, clock } = parts;
  history.append({ type: 'plan', plan, environment });
  const finished = new AbortController();
  const noteInterruption = () => history.append({ type: 'interrupted', by: messageOf(signal.reason) });
  signal.addEventListener('abort', noteInterruption, { once: true, signal: finished.signal });
  try {
    signal.throwIfAborted();
    history.append({ type: 'phase', phase: 'up' });
    const observer: StackObserver = { replica: change => history.append({ type: 'replica', ...change }) };
    await using stack = await parts.platform.up(parts.topology, {
      runId: environment.id,
      seed: plan.seed,
      directory,
      observer,
      signal,
      clock,
    });
    history.append({ type: 'versions', versions: stack.versions });
    requireVersions(parts.requiredVersions ?? {}, { ...environment.versions, ...stack.versions });
    await driveStack(parts, stack);
    history.append({ type: 'phase', phase: 'down' });
  } catch (error) {
    if (!signal.aborted) {
      history.append({ type: 'crashed', reason: messageOf(error) });
      throw error;
    }
  } finally {
    finished.abort();
    history.append({ type: 'phase', phase: 'done' });
  }
}

async function driveStack<Topology>(parts: RunParts<Topology>, stack: RunningStack): Promise<void> {
  const { history, clock, plan } = parts;
  // All of them before anything is driven: one that cannot be made must not leave others behind in a load that is being broken.
  const faults = plan.faults
    .filter(fault => injects(plan, fault))
    .map(fault => ({ plan: fault, fault: parts.createFault(fault, stack, clock) }));
  history.append({ type: 'phase', phase: 'warm-up' });
  await using load = await startLoad(parts, stack);
  const { startAtMs } = load;
  const nowMs = clock.nowMs();
  const inMs = startAtMs - nowMs;
  const at = new Date(clock.date().getTime() + inMs).toISOString();
  // All times count from here: a machine that is busy between the two readings must not shift them.
  history.append({ type: 'start', inMs, at }, nowMs);
  const record: SamplingJob['record'] = (takenAtMs, readings) =>
    history.append({ type: 'sample', seenMs: history.at(takenAtMs), readings });
  await using _sampling = parts.metrics?.start({ stack, clock, startAtMs, record });
  const died = new AbortController();
  load.done.catch(error => died.abort(error));
  const signal = AbortSignal.any([parts.signal, died.signal]);
  try {
    await clock.sleep(startAtMs - clock.nowMs(), signal);
    if (requireSteady(load.progress(), history)) await drive(parts, faults, startAtMs, signal);
    else load.stop();
    history.append({ type: 'phase', phase: 'drain' });
    await drained(load, signal, clock);
  } finally {
    load.stop();
    const summary = await withLimit(STOP_LIMIT_MS, NEVER, () => load.done, clock).catch(() => null);
    if (summary) history.append({ type: 'load', summary });
  }
}

async function startLoad<Topology>(parts: RunParts<Topology>, stack: RunningStack): Promise<RunningLoad> {
  const { plan, environment, engine, directory, onLoad } = parts;
  const load = await engine.start(
    {
      runId: environment.id,
      plan: plan.load,
      seed: plan.seed,
      ...(plan.segment ? { partition: partitionOfSegment(plan.segment) } : {}),
      targets: stack.entries,
      authority: stack.entryCertificate?.authority,
      ...(stack.origin === undefined ? {} : { origin: stack.origin }),
      authorization: stack.authorization,
      journalPath: `${directory}/requests.ndjson`,
      logPath: `${directory}/load.log`,
    },
    () => chooseStart(parts),
    // Not the run's own signal: an interrupted run heals first and stops its load then, for a fault proxy whose connections are
    // all cut while a toxic is being removed may hang (Toxiproxy 2.12 does).
    NEVER,
  );
  for (const pid of [load.pid, ...(load.morePids ?? [])]) stack.protect(pid);
  onLoad?.(load);
  return load;
}

/** Start on the clock: as soon as the warm-up allows, or when the person asked for it. */
function chooseStart<Topology>({ plan, clock, startAt }: RunParts<Topology>): number {
  const nowMs = clock.nowMs();
  const soonestMs = nowMs + LOAD_LEAD_MS + warmUpMs(plan);
  if (startAt === undefined) return soonestMs;
  const startAtMs = nowMs + (startAt.getTime() - clock.date().getTime());
  if (startAtMs >= soonestMs) return startAtMs;
  throw new SquallError(
    'environment',
    'START_TOO_EARLY',
    `Expected to be ready for the start at ${startAt.toISOString()}, but the first warm-up request would have been due ${formatMs(soonestMs - startAtMs)} ago`,
    { next: 'Choose a later --start-at, so that there is time to start everything and to warm up.' },
  );
}

/** Lets every fault live and waits for the end of the offered load; both also end with the signal, faults healed. */
async function drive<Topology>(
  parts: RunParts<Topology>,
  faults: readonly { readonly plan: FaultPlan; readonly fault: Fault }[],
  startAtMs: number,
  signal: AbortSignal,
): Promise<void> {
  const { plan, history, clock, limits = {} } = parts;
  history.append({ type: 'phase', phase: 'load' });
  const context = { clock, history, startAtMs, endMs: loadEndMs(plan), limits };
  const driven = faults.map(({ plan, fault }) => runFault(plan, fault, context, signal));
  const ended = clock.sleep(startAtMs + loadEndMs(plan) - clock.nowMs(), signal).then(
    () => history.append({ type: 'phase', phase: 'recover' }),
    () => {},
  );
  await Promise.all([ended, ...driven]);
  signal.throwIfAborted();
}

/** Waits for the requests in flight after the last arrival; after the limit they are cut. */
async function drained(load: RunningLoad, signal: AbortSignal, clock: Clock): Promise<void> {
  try {
    await withLimit(DRAIN_LIMIT_MS, signal, () => load.done, clock);
  } catch {
    signal.throwIfAborted();
  }
}

/** @returns whether the stack served its warm-up; if not, the run is marked invalid */
function requireSteady({ warmUp: { completed, failures } }: LoadProgress, history: History): boolean {
  const failed = Object.values(failures).reduce((sum, count) => sum + count, 0);
  const ended = completed + failed;
  if (ended > 0 && failed / ended <= STEADY_FAILED_RATIO) return true;
  const kinds = Object.entries(failures).map(([kind, count]) => `${kind} ×${count}`);
  const reason =
    ended === 0
      ? 'no warm-up request had been answered when driving was to start: give `load.warmUp` more time than an answer takes'
      : `${failed} of ${ended} warm-up requests failed (${kinds.join(', ')}), at most ${STEADY_FAILED_RATIO * 100} % may`;
  history.append({ type: 'invalid', guard: 'steady-state', reason });
  return false;
}
