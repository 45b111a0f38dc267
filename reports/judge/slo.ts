import { messageOf } from '../../harness/errors.ts';
import type { SloPlan } from '../../harness/plan.ts';
import type { Outcome } from '../../harness/requests.ts';
import { requestsIn, type Window } from '../../harness/windows.ts';
import { formatPercent, rounded } from '../rounding.ts';
import type { SloResult } from '../store/run-document.ts';
import { type Check, type Evidence, type Finding, type RunFacts, undecided } from './check.ts';
import { MAX_DROPPED_RATIO } from './gates.ts';
import { CHECKS, type ParsedObjective, parseObjective } from './objective.ts';
import { LEVEL } from './statistics.ts';

/**
 * Judges one SLO. Never throws: a check that crashes, or an objective that cannot be read, is inconclusive. A window that
 * never came to be because its fault never acted is invalid; an empty one is inconclusive; neither can pass.
 */
export function judgeSlo(slo: SloPlan, run: RunFacts, checks: readonly Check[] = CHECKS): SloResult {
  let unit = '';
  let finding: Finding;
  let window = slo.window;
  try {
    const parsed = parseObjective(slo.objective, checks);
    unit = parsed.objective.unit;
    window = parsed.check.window?.(parsed.objective) ?? window;
    finding = judged(parsed, window, ofClass(run, slo.class));
  } catch (error) {
    finding = undecided('inconclusive', `The check crashed: ${messageOf(error)}`);
  }
  const { measured, lower, upper, samples, verdict, reason } = finding;
  return {
    name: slo.name,
    window: slo.class === undefined ? window : `${window}, class ${slo.class}`,
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

function judged({ objective, check }: ParsedObjective, name: string, run: RunFacts): Finding {
  const window = run.windows.find(candidate => candidate.name === name);
  if (!window) return missingWindow(name, run);
  const requests = requestsIn(window, run.records);
  if (requests.length === 0) return undecided('inconclusive', `No request fell into the window ${name}.`);
  const left = check.leavesOut?.(objective) ?? LEFT_OUT;
  return unlessUnknown(check.judge(objective, { window, requests, run }), left, requests);
}

const LEFT_OUT: readonly Outcome[] = ['dropped', 'abandoned', 'interrupted'];

/**
 * Arrivals that were dropped, requests whose client went away, and those that were cut off when the run ended, are in no quantile
 * and no ratio of errors: where they are many, a pass would rest on what was left out.
 */
function unlessUnknown(finding: Finding, left: readonly Outcome[], requests: Evidence['requests']): Finding {
  const unknown = requests.filter(({ outcome }) => left.includes(outcome)).length;
  if (finding.verdict !== 'pass' || unknown <= MAX_DROPPED_RATIO * requests.length) return finding;
  const share = `${unknown} of ${requests.length} requests (${formatPercent(unknown, requests.length)})`;
  const reason = `${finding.reason} But ${share} of the window were dropped unsent, abandoned, or cut at the end, so it is not decided.`;
  return { ...finding, verdict: 'inconclusive', reason };
}

function missingWindow(name: Window['name'], run: RunFacts): Finding {
  const [kind, id] = name.split(/:(.*)/s);
  const fault = run.faults.find(outcome => outcome.plan.id === id);
  if ((kind === 'fault' || kind === 'recovery') && fault) {
    if (fault.effectiveAtMs === null)
      return undecided('invalid', `The window ${name} never came to be: the fault was never seen to act.`);
    if (kind === 'recovery' && fault.healedAtMs === null)
      return undecided('inconclusive', `The window ${name} never came to be: the fault was never seen to heal.`);
  }
  return undecided('inconclusive', `The window ${name} never came to be: no load was offered in it.`);
}
