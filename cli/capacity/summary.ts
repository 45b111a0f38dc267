import type { RunPlan } from '../../harness/plan.ts';
import { formatMs } from '../../harness/quantity.ts';
import { planText } from '../../reports/render/capacity/cells.ts';
import type { CapacityDocument, CapacityStep, Find } from '../../reports/store/capacity-document.ts';
import { paint } from '../terminal.ts';

/** First line of a search. */
export function headline({ scenario, platform, target }: RunPlan, find: Find, first: number, budgetMs: number): string {
  const where = target === undefined ? platform : `${platform} ${target}`;
  return `${paint('bold', scenario)}  ${find} on ${where}, from ${first} on, for at most ${formatMs(budgetMs)}`;
}

const COLOURS = { pass: 'green', fail: 'red', inconclusive: 'yellow', invalid: 'red' } as const;

/** Line of a step that ended. @param atMs since the search began */
export function stepLine(find: Find, step: CapacityStep, atMs: number): string {
  const { index, value, verdict, met, p99TtftMs, p99LatencyMs, completedPerSecond, reason } = step;
  const side = verdict === 'inconclusive' && met !== null ? (met ? ', met' : ', missed') : '';
  const p99 = p99TtftMs ?? p99LatencyMs;
  return [
    paint('dim', `${String(index + 1).padStart(3)}, ${formatMs(Math.round(atMs / 1000) * 1000)}`),
    `${Number(value.toPrecision(4))}${find === 'rate' ? '/s' : ` ${find}`}: ${paint(COLOURS[verdict], verdict)}${side}`,
    ...(p99 === null ? [] : [`P99 ${p99TtftMs === null ? 'latency' : 'TTFT'} ${formatMs(p99)}`]),
    `${Number(completedPerSecond.toPrecision(3))}/s completed`,
    ...(verdict === 'fail' || met === null ? [reason] : []),
  ].join('  ');
}

/** What a search found, with the path of its report. */
export function summaryLines(document: CapacityDocument, report: string): string[] {
  const { answer, reasons, notes, stop } = document;
  const plan = planText(document);
  return [
    '',
    `${paint(stop === 'precise' ? 'green' : 'yellow', 'capacity')}  ${paint('bold', answer)}`,
    ...reasons.map(reason => `          ${reason}`),
    ...(plan === null ? [] : [`${paint('bold', 'plan')}      ${plan}`]),
    ...notes.map(note => paint('dim', `          ${note}`)),
    `${paint('bold', 'report')}    ${report}`,
  ];
}
