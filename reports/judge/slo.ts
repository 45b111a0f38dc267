import { messageOf } from '../../harness/errors.ts';
import type { SloPlan } from '../../harness/plan.ts';
import type { Outcome } from '../../harness/requests.ts';
import { requestsIn, type Window } from '../../harness/windows.ts';
import { formatPercent, rounded } from '../rounding.ts';
import type { SloResult } from '../store/run-document.ts';
import type { Check, Evidence, Finding, RunFacts } from './check.ts';
import { checkAttempts } from './checks/attempts.ts';
import { checkGauge } from './checks/gauge.ts';
import { checkGoodput } from './checks/goodput.ts';
import { checkGrowth } from './checks/growth.ts';
import { checkMaximum } from './checks/maximum.ts';
import { checkQuantile } from './checks/quantile.ts';
import { checkRatio } from './checks/ratio.ts';
import { checkRecovery } from './checks/recovery.ts';
import { checkRefused } from './checks/refused.ts';
import { checkThroughput } from './checks/throughput.ts';
import { MAX_DROPPED_RATIO } from './gates.ts';
import { type Objective, parseObjective } from './objective.ts';
import { LEVEL } from './statistics.ts';

/** One check for each kind of objective. */
export type Checks = { readonly [Kind in Objective['kind']]: Check<Extract<Objective, { readonly kind: Kind }>> };

/** The checks that verdicts use. */
export const CHECKS: Checks = {
  quantile: checkQuantile,
  maximum: checkMaximum,
  ratio: checkRatio,
  throughput: checkThroughput,
  attempts: checkAttempts,
  goodput: checkGoodput,
  recovery: checkRecovery,
  refused: checkRefused,
  gauge: checkGauge,
  growth: checkGrowth,
};

/**
 * Judges one SLO. Never throws: a check that crashes, or an objective that cannot be read, is inconclusive. A window that
 * never came to be because its fault never acted is invalid; an empty one is inconclusive; neither can pass.
 */
export function judgeSlo(slo: SloPlan, run: RunFacts, checks: Checks = CHECKS): SloResult {
  let unit = '';
  let finding: Finding;
  try {
    const objective = parseObjective(slo.objective, `slos.${slo.name}.objective`);
    unit = objective.unit;
    finding = judged(objective, slo, ofClass(run, slo.class), checks);
  } catch (error) {
    finding = undecided('inconclusive', `The check crashed: ${messageOf(error)}`);
  }
  const { measured, lower, upper, samples, verdict, reason } = finding;
  return {
    name: slo.name,
    window: slo.class === undefined ? slo.window : `${slo.window}, class ${slo.class}`,
    objective: slo.objective,
    measured: rounded(measured),
    unit,
    confidence: { level: LEVEL, lower: rounded(lower), upper: rounded(upper) },
    samples,
    verdict,
    reason,
  };
}

/** The run as the users of one class saw it. */
function ofClass(run: RunFacts, name: string | undefined): RunFacts {
  return name === undefined ? run : { ...run, records: run.records.filter(record => record.class === name) };
}

function judged(objective: Objective, slo: SloPlan, run: RunFacts, checks: Checks): Finding {
  // These bring their own time span, from the onset on; their SLO's window says nothing.
  const name = objective.kind === 'recovery' || objective.kind === 'refused' ? 'whole' : slo.window;
  const window = run.windows.find(candidate => candidate.name === name);
  if (!window) return missingWindow(name, run);
  const requests = requestsIn(window, run.records);
  if (requests.length === 0) return undecided('inconclusive', `No request fell into the window ${name}.`);
  const check = checks[objective.kind] as Check;
  const evidence: Evidence = { window, requests, run };
  return unlessUnknown(check(objective, evidence), objective, evidence);
}

/**
 * Arrivals that were dropped, requests whose client went away, and those that were cut off when the run ended, are in no quantile
 * and no ratio of errors: where they are many, a pass would rest on what was left out.
 */
function unlessUnknown(finding: Finding, objective: Objective, { requests }: Evidence): Finding {
  const left = leftOut(objective);
  const unknown = requests.filter(({ outcome }) => left.includes(outcome)).length;
  if (finding.verdict !== 'pass' || unknown <= MAX_DROPPED_RATIO * requests.length) return finding;
  const share = `${unknown} of ${requests.length} requests (${formatPercent(unknown, requests.length)})`;
  const reason = `${finding.reason} But ${share} of the window were dropped unsent, abandoned, or cut at the end, so it is not decided.`;
  return { ...finding, verdict: 'inconclusive', reason };
}

/** The outcomes of which an objective takes no notice. Throughput and attempts count what an abandoned request did. */
function leftOut(objective: Objective): readonly Outcome[] {
  if (objective.kind === 'ratio' && objective.measure === 'dropped') return [];
  if (objective.kind === 'goodput') return ['interrupted'];
  const counted = objective.kind === 'throughput' || objective.kind === 'attempts';
  if (counted || (objective.kind === 'ratio' && objective.measure === 'abandoned')) return ['dropped', 'interrupted'];
  return ['dropped', 'abandoned', 'interrupted'];
}

function missingWindow(name: Window['name'], run: RunFacts): Finding {
  const [kind, id] = name.split(/:(.*)/s);
  const fault = run.faults.find(outcome => outcome.plan.id === id);
  if ((kind === 'fault' || kind === 'recovery') && fault) {
    if (fault.bitAtMs === null)
      return undecided('invalid', `The window ${name} never came to be: the fault was never seen to act.`);
    if (kind === 'recovery' && fault.healedAtMs === null)
      return undecided('inconclusive', `The window ${name} never came to be: the fault was never seen to heal.`);
  }
  return undecided('inconclusive', `The window ${name} never came to be: no load was offered in it.`);
}

function undecided(verdict: 'inconclusive' | 'invalid', reason: string): Finding {
  return { measured: null, lower: null, upper: null, samples: 0, verdict, reason };
}
