import type { Attack } from '../faults/slow-http/attack.ts';
import { parseRatePerSecond } from '../harness/quantity.ts';
import { TARGET_LINK } from '../platform/external/platform.ts';
import { EACH_LEVEL } from '../reports/judge/checks/slowdown.ts';
import { samplesForUpperBound } from '../reports/judge/statistics.ts';
import type { RunDocument, Verdict } from '../reports/store/run-document.ts';
import type { Scenario } from './scenario.ts';

/** How an attack on a server that Squall did not start is carried out. */
export interface AttackOptions {
  readonly attack: Attack;
  readonly forMs: number;
  /** What the control client asks for: a path to `GET`, or `chat`. */
  readonly control: string;
  /** How often, such as `100/s`. */
  readonly controlRate: string;
  /** Model for `chat`. */
  readonly model: string;
}

/** What an attack showed of its target, from the results of its SLOs. */
export type AttackResult = 'defended' | 'degraded' | 'down' | Exclude<Verdict, 'pass' | 'fail'>;

const BEFORE_MS = 4000;
const AFTER_MS = 2000;
/** Between the injection of an attack and the moment it is seen to act, about. */
const ONSET_MS = 1000;
const ERRORS = 'control-errors';
/** Above this percentage of failed control requests a target counts as down. */
const DOWN_PERCENT = 50;

/**
 * An attack as a scenario: a control client asks at a fixed rate, each time over a new connection, and the attack is a fault.
 *
 * ```
 * control client  ══════════════════════════════════════════
 * attack                  ╱ramp═══════════════╲
 *                │ 4 s    │ for                │ 2 s │
 * ```
 */
export function attackScenario({ attack, forMs, control, controlRate, model }: AttackOptions): Scenario {
  const { kind, summary } = attack;
  return {
    name: `attack-${kind}`,
    why: summary,
    load: {
      arrivals: 'constant',
      keepAlive: false,
      stages: [{ name: 'control', at: controlRate, for: `${BEFORE_MS + forMs + AFTER_MS}ms` }],
      idleTimeout: '5s',
      maxInFlight: 5000,
      ...(control === 'chat'
        ? { model, workload: { name: 'control', promptTokens: 8, outputTokens: 8 } }
        : { workload: { kind: 'http', name: 'control', path: control } }),
    },
    faults: [{ id: 'attack', kind, on: TARGET_LINK, at: `${BEFORE_MS}ms`, for: `${forMs}ms` }],
    slos: [
      { name: ERRORS, window: 'fault:attack', objective: 'errors <= 5%' },
      {
        name: 'control-slowdown',
        window: 'fault:attack',
        objective: `slowdown(p${percentileFor(controlRate, forMs)}(latency), fault:attack) <= 3 or 250 ms`,
      },
      ...(judgesAnswers(attack) ? [{ name: 'attack-answers', objective: 'violations(attack) <= 0' }] : []),
    ],
  };
}

/** Whether it says of an answer that it was wrong. */
function judgesAnswers({ parameters, script }: Attack): boolean {
  return script(parameters.parse({}), { host: '', authorization: '', model: '' }).judge !== undefined;
}

/** The highest of 99, 95 and 90 of which both phases are long enough to know both bounds. */
function percentileFor(controlRate: string, forMs: number): number {
  const shorterMs = Math.min(BEFORE_MS, forMs - ONSET_MS);
  const requests = (parseRatePerSecond(controlRate, '--control-rate') * shorterMs) / 1000;
  return [99, 95].find(percentile => requests >= samplesForUpperBound(percentile / 100, EACH_LEVEL)) ?? 90;
}

/**
 * What became of the target: `down` when more than half of the control requests failed for certain, also one that never answered
 * again, `degraded` when another SLO failed, `defended` when all hold; otherwise the verdict of the run.
 */
export function resultOf({ verdict, slos, faults }: RunDocument): AttackResult {
  if (verdict === 'pass') return 'defended';
  const isGone = faults.some(({ effectiveAtMs, healVerified }) => effectiveAtMs !== null && !healVerified);
  const lowerPercent = slos.find(({ name }) => name === ERRORS)?.confidence.lower ?? 0;
  if (lowerPercent > DOWN_PERCENT && (verdict === 'fail' || (verdict === 'invalid' && isGone))) return 'down';
  return verdict === 'fail' ? 'degraded' : verdict;
}
