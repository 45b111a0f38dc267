import type { Clock } from './clock.ts';
import type { Fault, Observation } from './contracts.ts';
import { messageOf } from './errors.ts';
import type { History } from './history.ts';
import type { FaultPlan } from './plan.ts';

/** Limits of a fault's steps, in ms. */
export interface NemesisLimits {
  /** For the call that injects or heals. @default 5000 */
  readonly callMs: number;
  /** For a fault to be seen to bite; also bounded by its own duration. @default 5000 */
  readonly biteMs: number;
  /** For a healed fault to be seen healed. @default 30000 */
  readonly healMs: number;
}

/** Where and when a fault is driven. */
export interface NemesisContext {
  readonly clock: Clock;
  readonly history: History;
  /** Time zero on the clock. */
  readonly zeroMs: number;
  /** End of the drive, in ms after time zero: a fault that lasts longer is healed then. */
  readonly endMs: number;
  readonly limits?: Partial<NemesisLimits>;
}

const INTERRUPTED_HEAL_MS = 3000;
const DEFAULTS: NemesisLimits = { callMs: 5000, biteMs: 5000, healMs: 30_000 };

/**
 * Drives one fault through its life and writes each step to the history:
 *
 * ```
 * at            onset                   at + for
 * ├─ inject ── bites? ────────────────── heal ── healed?
 *               └ never-bit ⇒ run invalid          └ not-healed ⇒ run invalid
 * ```
 *
 * Whatever happens, abort included, an injected fault has been healed or tried to be when this resolves. It never rejects:
 * a fault that cannot be driven is an event, and makes the run invalid.
 */
export async function runFault(
  plan: FaultPlan,
  fault: Fault,
  context: NemesisContext,
  signal: AbortSignal,
): Promise<void> {
  const { clock, zeroMs, endMs } = context;
  const limits = { ...DEFAULTS, ...context.limits };
  const log = logger(plan.id, context);
  const healAtMs = plan.forMs === null ? endMs : Math.min(endMs, plan.atMs + plan.forMs);
  const untilMs = (atMs: number) => zeroMs + atMs - clock.nowMs();
  let injected = false;
  let healed = false;
  try {
    await clock.sleep(untilMs(plan.atMs), signal);
    injected = true;
    await withLimit(limits.callMs, signal, limited => fault.inject(limited), clock);
    log('injected', `${plan.kind} on ${plan.target}`);
    const bite = await seen(Math.min(limits.biteMs, untilMs(healAtMs)), signal, fault.bites, clock);
    if (bite) log('bit', bite.evidence, bite);
    else log('never-bit', `${plan.kind} on ${plan.target} showed no effect`);
    if (plan.forMs === null) {
      const recovered = await seen(untilMs(endMs), signal, fault.healed, clock);
      healed = recovered !== null;
      if (recovered) log('healed', recovered.evidence, recovered);
    } else {
      await clock.sleep(untilMs(healAtMs), signal);
    }
  } catch (error) {
    if (!signal.aborted) log('failed', messageOf(error));
  }
  if (injected && !healed) {
    // Who interrupts a run does not want to sit through a cold start of what is taken down next.
    const healMs = signal.aborted ? Math.min(limits.healMs, INTERRUPTED_HEAL_MS) : limits.healMs;
    await healNow(plan, fault, { ...limits, healMs }, log, clock);
  }
}

type Log = (
  step: 'injected' | 'bit' | 'never-bit' | 'heal' | 'healed' | 'not-healed' | 'failed',
  evidence: string,
  observed?: Observation,
) => void;

/** Heals whatever the run's own signal says, for an interrupted run must not leave a fault behind. */
async function healNow(plan: FaultPlan, fault: Fault, limits: NemesisLimits, log: Log, clock: Clock): Promise<void> {
  const never = new AbortController().signal;
  try {
    log('heal', plan.forMs === null ? `${plan.target} had not come back by itself` : '');
    await withLimit(limits.callMs, never, limited => fault.heal(limited), clock);
    const healed = await seen(limits.healMs, never, fault.healed, clock);
    if (healed) log('healed', healed.evidence, healed);
    else log('not-healed', `${plan.kind} on ${plan.target} was still there after ${limits.healMs} ms`);
  } catch (error) {
    log('not-healed', messageOf(error));
  }
}

function logger(id: string, { history, clock }: NemesisContext): Log {
  return (step, evidence, observed) => {
    const scale = history.nowMs() - clock.nowMs();
    history.append({
      type: 'fault',
      id,
      step,
      evidence,
      ...(observed && { seenMs: Number((observed.atMs + scale).toFixed(3)) }),
      ...(observed?.requests && { requests: observed.requests }),
    });
  };
}

/** The observation, or null if it did not come within `limitMs`. @throws what the look itself throws, or the outer abort */
async function seen(
  limitMs: number,
  signal: AbortSignal,
  look: (signal: AbortSignal) => Promise<Observation>,
  clock: Clock,
): Promise<Observation | null> {
  let late = false;
  try {
    return await withLimit(limitMs, signal, look, clock, () => {
      late = true;
    });
  } catch (error) {
    if (late && !signal.aborted) return null;
    throw error;
  }
}

/**
 * Runs `task` with a signal that aborts after `limitMs` or with `signal`; settles then even if the task does not listen.
 * @throws Error `took longer than …`, or what the task throws, or the outer abort
 */
export async function withLimit<T>(
  limitMs: number,
  signal: AbortSignal,
  task: (signal: AbortSignal) => Promise<T>,
  clock: Clock,
  onLimit?: () => void,
): Promise<T> {
  signal.throwIfAborted();
  const limit = new AbortController();
  const finished = new AbortController();
  const either = AbortSignal.any([signal, limit.signal]);
  clock.sleep(limitMs, finished.signal).then(
    () => {
      onLimit?.();
      limit.abort(new Error(`took longer than ${Math.round(limitMs)} ms`));
    },
    () => {},
  );
  const aborted = new Promise<never>((_, reject) => {
    either.addEventListener('abort', () => reject(either.reason), { once: true });
  });
  try {
    return await Promise.race([task(either), aborted]);
  } finally {
    finished.abort();
  }
}
