import { judge } from '../../../../reports/judge/judge.ts';
import { type ResultMetrics, runMetrics, suiteMetrics } from '../../../../reports/render/metrics/families.ts';
import { historyOf, planOf, steadyLoad } from '../../../reports/runs.ts';
import { everyKind } from '../../../reports/suites.ts';

const revision = { commit: 'abc', branch: 'main' };
const slos = [{ name: 'TTFT', window: 'whole', objective: 'p99(ttft) <= 1 s' }];
const records = steadyLoad(scheduledMs => ({ more: { lastTokenMs: scheduledMs + 400 } }));
const { document } = judge({ events: historyOf(planOf({ slos })), records });

/** Results of a run and of a suite that began at a time, with every metric that they may have. */
export function resultsAt(startedAt: string): ResultMetrics[] {
  return [runMetrics({ ...document, revision, startedAt }), suiteMetrics({ ...everyKind, revision, startedAt })];
}
