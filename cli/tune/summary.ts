import { join } from 'node:path';
import type { RunPlan } from '../../harness/plan.ts';
import { formatMs } from '../../harness/quantity.ts';
import { ARTIFACTS } from '../../reports/publish.ts';
import { changesText, evidenceRows } from '../../reports/render/tune/cells.ts';
import type { TuneCandidate, TuneChange, TuneDocument } from '../../reports/store/tune-document.ts';
import type { Confirmation } from '../../scenarios/tune/search.ts';
import type { Dimension } from '../../scenarios/tune/space.ts';
import { paint, tableLines } from '../terminal.ts';

/** First line of a search. */
export function headline(
  file: string,
  plans: readonly RunPlan[],
  dimensions: readonly Dimension[],
  minutes: number,
): string {
  return `${paint('bold', file)}  ${dimensions.length} fields, under ${plans.map(({ scenario }) => scenario).join(', ')} in virtual time, for at most ${minutes} min`;
}

/** Line of a configuration that has raced. @param atMs since the search began */
export function candidateLine(candidate: TuneCandidate, atMs: number): string {
  const { round, changes, runs, outcome, costRatio, reason } = candidate;
  const words = { best: paint('green', 'best so far'), better: 'better', worse: 'no' }[outcome];
  const cost = costRatio === null ? '' : `, ${Number((100 * costRatio).toPrecision(3))} % of the cost`;
  const count = `${runs} run${runs === 1 ? '' : 's'}`;
  return `${stamp(`round ${round}`, atMs)}  ${changesText(changes)}: ${words}${cost}, after ${count}${reason === '' ? '' : `: ${reason}`}`;
}

/** Line of a configuration that was run on held-out seeds. */
export function confirmationLine(
  changes: readonly TuneChange[],
  { outcome, reason }: Pick<Confirmation, 'outcome' | 'reason'>,
  atMs: number,
): string {
  const colour = { pass: 'green', fail: 'red', unfinished: 'yellow' } as const;
  return `${stamp('held out', atMs)}  ${changesText(changes)}: ${paint(colour[outcome], outcome)}${reason === '' ? '' : `: ${reason}`}`;
}

function stamp(what: string, atMs: number): string {
  return paint('dim', `${what}, ${formatMs(Math.round(atMs / 1000) * 1000)}`);
}

/** What a search found, with the paths of its files. */
export function summaryLines(document: TuneDocument, folder: string): string[] {
  const { outcome, answer, reasons, changes, yaml, evidence } = document;
  return [
    '',
    `${paint(outcome === 'better' ? 'green' : 'yellow', 'tune')}    ${paint('bold', answer)}`,
    ...reasons.map(reason => `        ${reason}`),
    ...changes.map(({ field, own, tuned }) => `        ${field}: ${own} -> ${tuned}`),
    ...(evidence.length > 0 ? tableLines(evidenceRows({ evidence })) : []).map(line => `        ${line}`),
    ...(yaml === undefined ? [] : [`${paint('bold', 'file')}    ${join(folder, yaml)}`]),
    `${paint('bold', 'report')}  ${join(folder, ARTIFACTS.html)}`,
  ];
}
