import type { Attack, RequestTarget } from '../../faults/slow-http/attack.ts';
import { startAttack } from '../../faults/slow-http/attacker/attacker.ts';
import type { AttackReport, AttackSample } from '../../faults/slow-http/attacker/tally.ts';
import type { AttackTarget } from '../../faults/slow-http/attacker/target.ts';
import type { Clock } from '../../harness/clock.ts';
import { messageOf, SquallError } from '../../harness/errors.ts';
import {
  type AttackVerdict,
  figuresOf,
  judgeAttack,
  type PhaseFigures,
  percent,
  quantileFor,
  type Thresholds,
} from './verdict.ts';
import { startVictim, type VictimJob, type VictimRecord } from './victim.ts';

/** One attack with its victim, as it is to be carried out. */
export interface AttackPlan {
  readonly attack: Attack;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly target: AttackTarget;
  readonly request: RequestTarget;
  readonly victim: Pick<VictimJob, 'asks' | 'path' | 'perSecond' | 'timeoutMs'>;
  readonly baselineMs: number;
  readonly forMs: number;
  readonly afterMs: number;
  readonly thresholds: Thresholds;
}

/** Where an attack stands. */
export type AttackPhase = 'before' | 'during' | 'after' | 'settling';

/** Told some five times a second. */
export interface AttackProgress {
  readonly phase: AttackPhase;
  /** Since the phase began, and how long it lasts, in ms. */
  readonly atMs: number;
  readonly forMs: number;
  readonly attack: AttackSample | undefined;
  /** The victim's last second. */
  readonly victim: PhaseFigures;
}

/** What `squall attack --json` prints. */
export interface AttackDocument {
  readonly schema: 1;
  readonly kind: string;
  readonly target: string;
  readonly verdict: AttackVerdict;
  readonly reason: string;
  readonly interrupted: boolean;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly thresholds: Thresholds;
  readonly forMs: number;
  readonly attack: AttackReport;
  readonly victim: { readonly before: PhaseFigures; readonly during: PhaseFigures; readonly after: PhaseFigures };
}

const TELL_MS = 200;
/** Ramps are left out of the judgement, but never more than this share of the attack. */
const MOST_RAMP = 0.5;

/**
 * Carries an attack out beside its victim and judges:
 *
 * ```
 * victim    ═══════════════════════════════════════════════   ordinary requests, open loop
 * attacker            ╱ramp═══════════════════╲
 *           │ before  │      │    during       │  after  │
 * ```
 *
 * Whoever interrupts it gets what was seen until then, without a verdict. When it settles, both processes are gone.
 * @throws SquallError `TARGET_UNREACHABLE`, `ATTACKER_DIED`; on abort before the attack began the signal's reason
 */
export async function runAttack(
  plan: AttackPlan,
  clock: Clock,
  signal: AbortSignal,
  onProgress: (progress: AttackProgress) => void = () => {},
): Promise<AttackDocument> {
  const { attack, parameters, target, request, forMs } = plan;
  await using victim = await startVictim({ ...plan.victim, target, request });
  const watch = async (phase: AttackPhase, lastsMs: number, sample: () => AttackSample | undefined) => {
    const beginMs = clock.nowMs();
    for (;;) {
      const atMs = clock.nowMs() - beginMs;
      const recent = victim.records.slice(-2000).filter(({ endMs }) => endMs >= clock.nowMs() - 1000);
      onProgress({ phase, atMs, forMs: lastsMs, attack: sample(), victim: figuresOf(recent) });
      if (atMs >= lastsMs) return;
      await clock.sleep(Math.min(TELL_MS, lastsMs - atMs), signal);
    }
  };
  await watch('before', plan.baselineMs, () => undefined);
  requireAnswers(victim.records, target, plan.victim.path);
  const beforeMs = clock.nowMs();
  let beginMs = beforeMs;
  const report = await (async () => {
    await using running = await startAttack({ kind: attack.kind, parameters, target, request, forMs }, signal);
    beginMs = clock.nowMs();
    await untilAborted(Promise.race([watch('during', forMs, running.sample), running.done]), signal);
    running.stop();
    return await running.done;
  })();
  const endMs = clock.nowMs();
  await untilAborted(
    watch('after', plan.afterMs, () => report),
    signal,
  );
  onProgress({ phase: 'settling', atMs: 0, forMs: plan.victim.timeoutMs, attack: report, victim: figuresOf([]) });
  await untilAborted(finished(victim.finish(), signal), signal);
  const { opening } = attack.script(attack.parameters.parse(parameters), request);
  const rampMs = Math.min(forMs * MOST_RAMP, (1000 * Math.min(opening.connections, opening.total)) / opening.perSecond);
  const between = (fromMs: number, toMs: number) =>
    victim.records.filter(({ scheduledMs }) => scheduledMs >= fromMs && scheduledMs < toMs);
  const before = between(0, beforeMs);
  const during = between(beginMs + rampMs, endMs);
  const quantile = quantileFor(Math.min(before.length, during.length));
  const phases = {
    before: figuresOf(before, quantile),
    during: figuresOf(during, quantile),
    after: figuresOf(between(endMs, Number.POSITIVE_INFINITY)),
  };
  return {
    schema: 1,
    kind: attack.kind,
    target: target.url,
    ...(signal.aborted ? interrupted(signal) : judge(report, phases.before, phases.during, plan.thresholds)),
    interrupted: signal.aborted,
    parameters,
    thresholds: plan.thresholds,
    forMs,
    attack: report,
    victim: phases,
  };
}

function interrupted(signal: AbortSignal) {
  return { verdict: 'inconclusive' as const, reason: `interrupted by ${messageOf(signal.reason)}` };
}

async function untilAborted(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  await work.catch(error => {
    if (!signal.aborted) throw error;
  });
}

/** The victim's verdict, unless the attack itself says more: it was none, or it met mistakes of the server's. */
function judge(report: AttackReport, before: PhaseFigures, during: PhaseFigures, thresholds: Thresholds) {
  const { opened, exhausted, violations } = report;
  const judgement = judgeAttack(before, during, thresholds);
  const mistakes = Object.keys(violations);
  if (judgement.verdict === 'down' || judgement.verdict === 'degraded') return judgement;
  if (mistakes.length > 0)
    return {
      verdict: 'degraded' as const,
      reason: `the target answered wrongly in ${mistakes.length} ${mistakes.length === 1 ? 'way' : 'ways'}: ${mistakes.slice(0, 3).join('; ')}`,
    };
  if (opened === 0 || exhausted > opened / 10)
    return {
      verdict: 'inconclusive' as const,
      reason: `${percent(opened === 0 ? 1 : exhausted / opened)} of the connections failed for want of ports or descriptors here`,
    };
  return judgement;
}

function requireAnswers(records: readonly VictimRecord[], { url }: AttackTarget, path: string): void {
  const { requests, failed, outcomes } = figuresOf(records);
  if (requests > 0 && failed < requests) return;
  const met = Object.keys(outcomes).join(', ') || 'nothing';
  throw new SquallError(
    'environment',
    'TARGET_UNREACHABLE',
    `${url} does not serve ordinary requests to ${path}: ${met}`,
    {
      next: 'Start it, or choose what an ordinary client asks with --victim-path, --victim chat, --model.',
    },
  );
}

async function finished(ended: Promise<void>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  aborted.promise.catch(() => {});
  await Promise.race([ended, aborted.promise]).finally(() => signal.removeEventListener('abort', onAbort));
}
