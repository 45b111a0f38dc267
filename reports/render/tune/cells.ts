import type { TuneChange, TuneDocument, TuneEvidence, TuneSide } from '../../store/tune-document.ts';
import { formatValue } from '../cells.ts';
import type { Rows } from '../rows.ts';
import { COLUMNS, differenceText } from '../variants/cells.ts';

/** `averageValue 45 -> 63, scaleDown.stabilizationWindowSeconds 300 s -> 60 s`. */
export function changesText(changes: readonly TuneChange[]): string {
  return changes.map(({ field, own, tuned }) => `${shortField(field)} ${own} -> ${tuned}`).join(', ');
}

/** Path of a field without what says little: `scaleUp.policies` of `spec.behavior.scaleUp.policies`. */
export function shortField(field: string): string {
  return field.replace(/^spec\.(behavior\.)?/, '').replace(/^(metrics\[\d+\])\..*\.(\w+)$/, '$1.$2');
}

/** Headings, and a row for each scenario and phase: cost and SLOs of both files, and the difference of their costs. */
export function evidenceRows({ evidence }: Pick<TuneDocument, 'evidence'>): Rows {
  return [
    ['Scenario', 'Seeds', 'Cost of yours', 'SLOs met', 'Cost of the tuned one', 'SLOs met', 'Difference'],
    ...evidence.map(one => [
      one.scenario,
      `${one.comparison.seeds.length} ${one.phase}`,
      ...sideCells(one, one.own),
      ...(one.tuned ? sideCells(one, one.tuned) : ['–', '–']),
      one.tuned ? differenceText(one.difference, COST) : '–',
    ]),
  ];
}

const COST = COLUMNS.find(({ name }) => name === 'replicaHours')!;

function sideCells({ costUnit }: TuneEvidence, { cost, met, runs }: TuneSide): string[] {
  return [cost ? costText(cost, costUnit) : 'none', `${met} of ${runs}`];
}

/** `0.0439 replica-hours (0.0421 … 0.0457)`; without an interval the mean alone. */
function costText({ mean, lower, upper }: NonNullable<TuneSide['cost']>, unit: TuneEvidence['costUnit']): string {
  const own = unit === '$' ? '$' : ` ${unit}`;
  const interval =
    lower === null || upper === null || lower === upper
      ? ''
      : ` (${formatValue(lower, '')} … ${formatValue(upper, unit === '$' ? '$' : '')})`;
  return `${formatValue(mean, own)}${interval}`;
}
