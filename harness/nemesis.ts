import { type Clock, NEVER, withLimit } from './clock.ts';
import type { Fault, Observation } from './contracts.ts';
import { messageOf } from './errors.ts';
import type { FaultStep, History } from './history.ts';
import type { FaultPlan } from './plan.ts';
import { formatMs } from './quantity.ts';

/** Timeouts of a fault's steps, in ms. */
export interface NemesisLimits {
  /** Of the calls that inject and heal. @default 5000 */
  readonly callMs: number;
  /** Of the check that the fault took effect, beside `Fault.effectDelayMs`; also bounded by the fault's duration. @default 5000 */
  readonly effectMs: number;
  /** Of the check for recovery, beside `Fault.healDelayMs`. @default 30000 */
  readonly healMs: number;
}

/** Context of a fault's execution. */
export interface NemesisContext {
  readonly clock: Clock;
  readonly history: History;
  /** Start of the load phase, on the clock. */
  readonly startAtMs: number;
  /** End of the load phase, in ms after its start; a longer fault is healed then. */
  readonly endMs: number;
  readonly limits?: Partial<NemesisLimits>;
}

const INTERRUPTED_HEAL_MS = 3000;
const DEFAULTS: NemesisLimits = { callMs: 5000, effectMs: 5000, healMs: 30_000 };

/**
 * Executes one fault and writes each step to the history:
 *
 * ```
 * at            onset                   at + for
 * ├─ inject ── effective? ────────────── heal ── recovered?
 * │             └ no effect ⇒ run invalid         └ not recovered ⇒ run invalid
 * └ begins the window of the fault
 * ```
 *
 * In any case, also on abort, healing of an injected fault has been attempted by the time this resolves. It never rejects: a fault
 * that fails is an event, and makes the run invalid.
 */
export async function runFault(
  plan: FaultPlan,
  fault: Fault,
  context: NemesisContext,
  signal: AbortSignal,
): Promise<void> {
  const { clock, startAtMs, endMs } = context;
  const limits = { ...DEFAULTS, ...context.limits };
  const log = logger(plan.id, context);
  const healAtMs = plan.forMs === null ? endMs : Math.min(endMs, plan.atMs + plan.forMs);
  const untilMs = (atMs: number) => startAtMs + atMs - clock.nowMs();
  let injected = false;
  let healed = false;
  try {
    await clock.sleep(untilMs(plan.atMs), signal);
    injected = true;
    // Whatever is in flight from here on is exposed to the fault, long before its effect is observed.
    log('inject', '');
    await withLimit(limits.callMs, signal, limited => fault.inject(limited), clock);
    log('injected', `${plan.kind} on ${plan.target}`);
    const limitMs = Math.max(0, Math.min(limits.effectMs + (fault.effectDelayMs ?? 0), untilMs(healAtMs)));
    const onset = await observe(limitMs, signal, fault.verifyEffect, clock);
    if (onset) log('effective', onset.evidence, onset);
    else logUnobserved(fault, limitMs, log);
    if (plan.forMs === null) {
      const recovered = await observe(untilMs(endMs), signal, fault.verifyHealed, clock);
      healed = recovered !== null;
      if (recovered) log('healed', recovered.evidence, recovered);
    } else {
      await clock.sleep(untilMs(healAtMs), signal);
    }
  } catch (error) {
    if (!signal.aborted) log('failed', messageOf(error));
  }
  if (injected && !healed) {
    // An interrupted run does not wait for a cold start of replicas that are about to be stopped.
    const fullMs = limits.healMs + (fault.healDelayMs ?? 0);
    const healMs = signal.aborted ? Math.min(fullMs, INTERRUPTED_HEAL_MS) : fullMs;
    await healNow(plan, fault, { ...limits, healMs }, log, clock);
  }
}

type Log = (step: FaultStep, evidence: string, observed?: Observation) => void;

/** Tells an effect that the target's own noise hides from none at all. */
function logUnobserved({ noise }: Fault, limitMs: number, log: Log): void {
  const hidden = noise?.();
  if (hidden === undefined) log('no-effect', `nothing observed within ${formatMs(limitMs)}`);
  else log('hidden', `${hidden}, for ${formatMs(limitMs)}`);
}

/** Heals regardless of the run's signal, since an interrupted run must not leave a fault behind. */
async function healNow(plan: FaultPlan, fault: Fault, limits: NemesisLimits, log: Log, clock: Clock): Promise<void> {
  try {
    log('heal', plan.forMs === null ? `${plan.target} had not recovered by itself` : '');
    await withLimit(limits.callMs, NEVER, limited => fault.heal(limited), clock);
    const healed = await observe(limits.healMs, NEVER, fault.verifyHealed, clock);
    if (healed) log('healed', healed.evidence, healed);
    else log('not-healed', `${plan.kind} on ${plan.target} was still in effect after ${formatMs(limits.healMs)}`);
  } catch (error) {
    log('not-healed', messageOf(error));
  }
}

function logger(id: string, { history }: NemesisContext): Log {
  return (step, evidence, observed) =>
    history.append({
      type: 'fault',
      id,
      step,
      evidence,
      ...(observed && { seenMs: history.at(observed.atMs) }),
      ...(observed?.requests && { requests: observed.requests }),
    });
}

/** Observation, or null if none was made within `limitMs`. @throws the error of `look`, or the reason of the outer abort */
async function observe(
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
