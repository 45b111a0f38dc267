import { type Clock, NEVER, withLimit } from './clock.ts';
import type { StackObserver } from './cluster/observer.ts';
import type {
  Fault,
  FaultFactory,
  LoadEngine,
  LoadJob,
  LoadProgress,
  Platform,
  RunningLoad,
  RunningStack,
} from './contracts.ts';
import { messageOf, SquallError } from './errors.ts';
import { adviceOn, failureText } from './failure-text.ts';
import { type History, RUN_SCHEMA, type RunEnvironment, type RunEvent } from './history.ts';
import { type MetricsSource, type SamplingJob, sampleIntervalMs } from './metrics.ts';
import { type NemesisLimits, runFault } from './nemesis.ts';
import { type FaultPlan, loadEndMs, type RunPlan, warmUpMs } from './plan.ts';
import { formatMs } from './quantity.ts';
import { refusalNotes } from './refusals.ts';
import { TIMEOUT_FIELDS } from './requests.ts';
import { injects, partitionOfSegment } from './segment.ts';
import { requireVersions, type Versions } from './versions.ts';

/** Parts of a run. */
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
  /** Run directory, absolute. */
  readonly directory: string;
  /** See {@link LoadJob}. */
  readonly journalBytes?: number | undefined;
  readonly clock: Clock;
  /** Interrupts the run: heal, stop, tear down, in that order. The message of its reason names the cause. */
  readonly signal: AbortSignal;
  /** Waits until the stack serves requests of this load, before the first of them. @default it does once it is up */
  readonly awaitReady?: (job: LoadJob, signal: AbortSignal) => Promise<void>;
  readonly onLoad?: (load: RunningLoad) => void;
  /** What the services decided by their own logs, once they have stopped: events, each with its time by the wall clock, in ms. @default nothing */
  readonly decisions?: () => readonly (RunEvent & { readonly wallMs: number })[];
  /** Start of the load phase by the wall clock, so that runs on several machines start together. @default as soon as possible */
  readonly startAt?: Date;
  /** Versions that the run requires; see {@link requireVersions}. @default any */
  readonly requiredVersions?: Versions;
  readonly limits?: Partial<NemesisLimits>;
}

/** Time between the generator's readiness and its first arrival. */
const LOAD_LEAD_MS = 500;
/** Minimum limit of the wait for requests in flight after the last arrival; then they are aborted and recorded as interrupted. */
const DRAIN_LIMIT_MS = 30_000;
/** Time beyond the longest timeout of a request, so that a service which never answers fails it rather than interrupts it. */
const DRAIN_MARGIN_MS = 2000;
/** Limit of the wait for a stopped generator. */
const STOP_LIMIT_MS = 5000;
/** Limit of the ratio of failed warm-up requests in a steady stack. */
const STEADY_FAILED_RATIO = 0.05;

/**
 * Executes a plan and records the course of the run in its history:
 *
 * ```
 * up ─ warm-up ─ steady? ─ load ─ recover ─ drain ─ down ─ done
 * ```
 *
 * When it settles, every fault has been healed and everything that was started is stopped. An interruption is an event, not an error.
 * @throws the errors of the platform and the load engine; the history then has a `crashed` event
 */
export async function run<Topology>(parts: RunParts<Topology>): Promise<void> {
  const { history, signal, plan, environment, directory, clock } = parts;
  history.append({ type: 'plan', schema: RUN_SCHEMA, plan, environment });
  const finished = new AbortController();
  const noteInterruption = () => history.append({ type: 'interrupted', by: messageOf(signal.reason) });
  if (signal.aborted) noteInterruption();
  else signal.addEventListener('abort', noteInterruption, { once: true, signal: finished.signal });
  try {
    signal.throwIfAborted();
    history.append({ type: 'phase', phase: 'up' });
    const observer: StackObserver = {
      replica: change => history.append({ type: 'replica', ...change }),
      scale: change => history.append({ type: 'scale', ...change }),
      node: change => history.append({ type: 'node', ...change }),
      placement: change => history.append({ type: 'placement', ...change }),
    };
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
    await parts.awaitReady?.(jobOf(parts, stack), signal);
    await runLoad(parts, stack);
    history.append({ type: 'phase', phase: 'down' });
  } catch (error) {
    if (!signal.aborted) {
      history.append({ type: 'crashed', reason: messageOf(error) });
      throw error;
    }
  } finally {
    finished.abort();
    appendDecisions(parts);
    history.append({ type: 'phase', phase: 'done' });
  }
}

/** Appends what services decided, each at its own time. */
function appendDecisions<Topology>({ decisions, history, clock }: RunParts<Topology>): void {
  const originMs = clock.date().getTime() - clock.nowMs();
  for (const { wallMs, ...event } of decisions?.() ?? []) history.append(event, wallMs - originMs);
}

async function runLoad<Topology>(parts: RunParts<Topology>, stack: RunningStack): Promise<void> {
  const { history, clock, plan } = parts;
  // All faults before the load: an error here must not leave others injected.
  const faults = plan.faults
    .filter(fault => injects(plan, fault))
    .map(fault => ({ plan: fault, fault: parts.createFault(fault, stack, clock) }));
  history.append({ type: 'phase', phase: 'warm-up' });
  await using load = await startLoad(parts, stack);
  const { startAtMs } = load;
  const nowMs = clock.nowMs();
  const inMs = startAtMs - nowMs;
  const at = new Date(clock.date().getTime() + inMs).toISOString();
  // All times count from here, so that a delay between the two readings does not shift them.
  history.append({ type: 'start', inMs, at }, nowMs);
  stack.loadStarts?.(startAtMs);
  const record: SamplingJob['record'] = (takenAtMs, readings) =>
    history.append({ type: 'sample', seenMs: history.at(takenAtMs), readings });
  await using _sampling = parts.metrics?.start({ stack, clock, startAtMs, everyMs: sampleIntervalMs(plan), record });
  const died = new AbortController();
  load.done.catch(error => died.abort(error));
  const signal = AbortSignal.any([parts.signal, died.signal]);
  try {
    await clock.sleep(startAtMs - clock.nowMs(), signal);
    if (isSteady(load.progress(), history)) await loadPhase(parts, faults, startAtMs, signal);
    else load.stop();
    history.append({ type: 'phase', phase: 'drain' });
    await drained(load, plan, signal, clock);
  } finally {
    load.stop();
    const summary = await withLimit(STOP_LIMIT_MS, NEVER, () => load.done, clock).catch(() => null);
    if (summary) history.append({ type: 'load', summary });
    const notes = [...(summary ? [] : (load.progress().notes ?? [])), ...refusalNotes(stack)];
    if (!summary || notes.length > 0) history.append({ type: 'notes', notes });
  }
}

function jobOf<Topology>(
  { plan, environment, directory, journalBytes }: RunParts<Topology>,
  stack: RunningStack,
): LoadJob {
  const { origin, lookUp, tls } = stack;
  return {
    runId: environment.id,
    plan: plan.load,
    seed: plan.seed,
    ...(plan.segment ? { partition: partitionOfSegment(plan.segment) } : {}),
    targets: stack.entries,
    authority: stack.entryCertificate?.authority,
    ...(origin !== undefined && { origin }),
    ...(lookUp && { lookUp }),
    ...(tls && { tls }),
    authorization: stack.authorization,
    ...(stack.login && { login: stack.login }),
    journalPath: `${directory}/requests.ndjson`,
    ...(journalBytes !== undefined && { journalBytes }),
    logPath: `${directory}/load.log`,
  };
}

async function startLoad<Topology>(parts: RunParts<Topology>, stack: RunningStack): Promise<RunningLoad> {
  const { engine, onLoad } = parts;
  const load = await engine.start(
    jobOf(parts, stack),
    () => chooseStart(parts),
    // Not the run's own signal: an interrupted run heals before it stops its load, since Toxiproxy 2.12 may hang if all connections
    // are closed while a toxic is being removed.
    NEVER,
  );
  for (const pid of load.pids) stack.protect(pid);
  onLoad?.(load);
  return load;
}

/** Start of the load phase on the clock: as early as the warm-up permits, or at `startAt`. */
function chooseStart<Topology>({ plan, clock, startAt }: RunParts<Topology>): number {
  const nowMs = clock.nowMs();
  const earliestMs = nowMs + LOAD_LEAD_MS + warmUpMs(plan);
  if (startAt === undefined) return earliestMs;
  const startAtMs = nowMs + (startAt.getTime() - clock.date().getTime());
  if (startAtMs >= earliestMs) return startAtMs;
  throw new SquallError(
    'environment',
    'START_TOO_EARLY',
    `Expected to be ready for the start at ${startAt.toISOString()}, but the first warm-up request would have been due ${formatMs(earliestMs - startAtMs)} ago`,
    { next: 'Choose a later --start-at, so that there is time to start everything and to warm up.' },
  );
}

/** Executes the faults and waits for the end of the offered load. On abort, ends when all faults are healed. */
async function loadPhase<Topology>(
  parts: RunParts<Topology>,
  faults: readonly { readonly plan: FaultPlan; readonly fault: Fault }[],
  startAtMs: number,
  signal: AbortSignal,
): Promise<void> {
  const { plan, history, clock, limits = {} } = parts;
  history.append({ type: 'phase', phase: 'load' });
  const context = { clock, history, startAtMs, endMs: loadEndMs(plan), limits };
  const running = faults.map(({ plan, fault }) => runFault(plan, fault, context, signal));
  const ended = clock.sleep(startAtMs + loadEndMs(plan) - clock.nowMs(), signal).then(
    () => history.append({ type: 'phase', phase: 'recover' }),
    () => {},
  );
  await Promise.all([ended, ...running]);
  signal.throwIfAborted();
}

/** Waits for the requests in flight after the last arrival, within the limit. */
async function drained(load: RunningLoad, plan: RunPlan, signal: AbortSignal, clock: Clock): Promise<void> {
  const { connectTimeoutMs, firstTokenTimeoutMs = 0, idleTimeoutMs } = plan.load;
  const timeoutMs = connectTimeoutMs + Math.max(firstTokenTimeoutMs, idleTimeoutMs) + DRAIN_MARGIN_MS;
  try {
    await withLimit(Math.max(DRAIN_LIMIT_MS, timeoutMs), signal, () => load.done, clock);
  } catch {
    signal.throwIfAborted();
  }
}

/** Whether the stack served its warm-up; if not, the run is marked invalid. */
function isSteady({ warmUp: { completed, failures }, notes = [] }: LoadProgress, history: History): boolean {
  const failed = Object.values(failures).reduce((sum, count) => sum + count, 0);
  const ended = completed + failed;
  if (ended > 0 && failed / ended <= STEADY_FAILED_RATIO) return true;
  const kinds = Object.entries(failures).map(([kind, count]) => `${kind} ×${count}`);
  const limits = Object.keys(failures)
    .filter(kind => kind in TIMEOUT_FIELDS)
    .map(kind => `; the limit of ${kind} is \`${TIMEOUT_FIELDS[kind]}\``);
  const first = notes.find(({ type, name }) => type === 'failure' && name in failures);
  const said = first ? failureText(first) : '';
  const advice = adviceOn(said);
  const reason =
    ended === 0
      ? 'no warm-up request had completed by the start of the load phase: make `load.warmUp` longer than a response takes'
      : `${failed} of ${ended} warm-up requests failed (${kinds.join(', ')}); the limit is ${STEADY_FAILED_RATIO * 100} %${limits.join('')}${first ? `. The service said: ${said}${advice && `; ${advice}`}` : ''}`;
  history.append({ type: 'invalid', guard: 'steady-state', reason });
  return false;
}
