import { messageOf } from '../../harness/errors.ts';
import type { SloPlan } from '../../harness/plan.ts';
import type { Outcome } from '../../harness/requests.ts';
import { requestsIn, type Window } from '../../harness/windows.ts';
import { formatPercent, rounded } from '../rounding.ts';
import type { SloResult } from '../store/run-document.ts';
import { type Check, type Evidence, type Finding, type RunFacts, undecided } from './check.ts';
import { OUTCOMES, totalOf } from './folds/outcomes.ts';
import { MAX_DROPPED_RATIO } from './gates.ts';
import { CHECKS, type ParsedObjective, parseObjective } from './objective.ts';
import { LEVEL } from './statistics.ts';

/**
 * Judges one SLO. Never throws: a check that crashes, or an objective that cannot be parsed, is inconclusive. A fault without an
 * observed effect makes its SLO invalid; a window without requests makes it inconclusive.
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
  const { measured, lower, upper, samples, verdict, reason, survivors } = finding;
  const infinite = Object.entries({ measured, lower, upper }).flatMap(([name, value]) =>
    value === Number.POSITIVE_INFINITY ? [name as 'measured' | 'lower' | 'upper'] : [],
  );
  const finite = (value: number | null) => (value === Number.POSITIVE_INFINITY ? null : rounded(value));
  return {
    name: slo.name,
    window: slo.class === undefined ? window : `${window}, class ${slo.class}`,
    objective: slo.objective,
    measured: finite(measured),
    unit,
    confidence: { level: LEVEL, lower: finite(lower), upper: finite(upper) },
    samples,
    verdict,
    reason,
    ...(survivors && { survivors }),
    ...(infinite.length > 0 && { infinite }),
  };
}

/** The run with only the requests of one client class. */
function ofClass(run: RunFacts, name: string | undefined): RunFacts {
  return name === undefined ? run : { ...run, records: run.records.filter(record => record.class === name) };
}

function judged({ objective, check }: ParsedObjective, name: string, run: RunFacts): Finding {
  const window = run.windows.find(candidate => candidate.name === name);
  if (!window) return missingWindow(name, run);
  const requests = requestsIn(window, run.records);
  if (requests.length === 0) return undecided('inconclusive', `No request fell into the window ${name}.`);
  const id = check.fault?.(objective);
  const fault = run.faults.find(({ plan }) => plan.id === id);
  if (id !== undefined && !fault) return undecided('invalid', `The plan has no fault "${id}".`);
  if (fault?.effectiveAtMs === null) return undecided('invalid', `The fault ${id} had no observable effect.`);
  const excluded = check.leavesOut?.(objective) ?? EXCLUDED;
  return unlessUnknown(check.judge(objective, { window, requests, run, fault }), excluded, requests);
}

const EXCLUDED: readonly Outcome[] = ['dropped', 'abandoned', 'interrupted'];

/**
 * Turns a pass into inconclusive if too many requests of the window have an excluded outcome: dropped, abandoned and interrupted
 * requests are in no quantile and no error ratio.
 */
function unlessUnknown(finding: Finding, excluded: readonly Outcome[], requests: Evidence['requests']): Finding {
  if (finding.verdict !== 'pass') return finding;
  const unknown = totalOf(OUTCOMES.of(requests), ({ outcome }) => excluded.includes(outcome));
  if (unknown <= MAX_DROPPED_RATIO * requests.length) return finding;
  const part = `${unknown} of ${requests.length} requests (${formatPercent(unknown, requests.length)})`;
  const reason = `${finding.reason} But ${part} of the window were dropped, abandoned or interrupted, so the objective is undecided.`;
  return { ...finding, verdict: 'inconclusive', reason };
}

function missingWindow(name: Window['name'], run: RunFacts): Finding {
  const [kind, id] = name.split(/:(.*)/s);
  const fault = run.faults.find(outcome => outcome.plan.id === id);
  if ((kind === 'fault' || kind === 'recovery') && fault) {
    if (fault.effectiveAtMs === null)
      return undecided('invalid', `The run has no window ${name}: the fault had no observable effect.`);
    if (kind === 'recovery' && fault.healedAtMs === null)
      return undecided('inconclusive', `The run has no window ${name}: recovery from the fault was not observed.`);
  }
  return undecided('inconclusive', `The run has no window ${name}: the load did not reach it.`);
}
