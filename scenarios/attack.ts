import type { Attack } from '../faults/slow-http/attack.ts';
import { parseRatePerSecond } from '../harness/quantity.ts';
import { TARGET_LINK } from '../platform/external/platform.ts';
import { EACH_LEVEL } from '../reports/judge/checks/slowdown.ts';
import { samplesForUpperBound } from '../reports/judge/statistics.ts';
import type { RunDocument, Verdict } from '../reports/store/run-document.ts';
import type { Scenario } from './scenario.ts';

/** Options of {@link attackScenario}. */
export interface AttackOptions {
  readonly attack: Attack;
  readonly forMs: number;
  /** Request of the control client: a path to `GET`, or `chat`. */
  readonly control: string;
  /** Rate of control requests, such as `100/s`. */
  readonly controlRate: string;
  /** Model for `chat`. @default the first that the target lists */
  readonly model: string | undefined;
}

/** Result of an attack, from the results of its SLOs. */
export type AttackResult = 'defended' | 'degraded' | 'down' | Exclude<Verdict, 'pass' | 'fail'>;

const BEFORE_MS = 4000;
const AFTER_MS = 2000;
const ERRORS = 'control-errors';
/** A target with a higher percentage of failed control requests is down. */
const DOWN_PERCENT = 50;

/**
 * An attack as a scenario: a control client sends requests at a fixed rate, each on a new connection, and the attack is a fault.
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
      clients: { connections: 'fresh' },
      stages: [{ name: 'control', at: controlRate, for: `${BEFORE_MS + forMs + AFTER_MS}ms` }],
      firstTokenTimeout: '5s',
      idleTimeout: '5s',
      maxInFlight: 5000,
      ...(control === 'chat'
        ? { ...(model !== undefined && { model }), workload: { name: 'control', promptTokens: 8, outputTokens: 8 } }
        : { workload: { kind: 'http', name: 'control', path: control } }),
    },
    faults: [{ id: 'attack', kind, on: TARGET_LINK, at: `${BEFORE_MS}ms`, for: `${forMs}ms` }],
    slos: [
      { name: ERRORS, window: 'fault:attack', objective: 'errors <= 5%' },
      {
        name: 'control-slowdown',
        window: 'fault:attack',
        // Up to 5 % of the control requests may fail, which the SLO above judges.
        objective: `slowdown(p${percentileFor(controlRate, forMs)}(latency | completed), fault:attack) <= 3 or 250 ms`,
      },
      ...(judgesResponses(attack) ? [{ name: 'attack-responses', objective: 'violations(attack) <= 0' }] : []),
    ],
  };
}

/** Whether the attack detects wrong responses. */
function judgesResponses({ parameters, script }: Attack): boolean {
  return script(parameters.parse({}), { host: '', authorization: '', model: '' }).judge !== undefined;
}

/** The highest of 99, 95 and 90 for which both phases have enough requests for both confidence bounds. */
function percentileFor(controlRate: string, forMs: number): number {
  const shorterMs = Math.min(BEFORE_MS, forMs);
  const requests = (parseRatePerSecond(controlRate, '--control-rate') * shorterMs) / 1000;
  return [99, 95].find(percentile => requests >= samplesForUpperBound(percentile / 100, EACH_LEVEL)) ?? 90;
}

/**
 * Result for the target: `down` when more than half of the control requests failed, with confidence, even if it never responded again;
 * `degraded` when another SLO failed, `defended` when all pass; otherwise the verdict of the run.
 */
export function resultOf({ verdict, slos, faults }: RunDocument): AttackResult {
  if (verdict === 'pass') return 'defended';
  const isGone = faults.some(({ effectiveAtMs, healVerified }) => effectiveAtMs !== null && !healVerified);
  const lowerPercent = slos.find(({ name }) => name === ERRORS)?.confidence.lower ?? 0;
  if (lowerPercent > DOWN_PERCENT && (verdict === 'fail' || (verdict === 'invalid' && isGone))) return 'down';
  return verdict === 'fail' ? 'degraded' : verdict;
}
