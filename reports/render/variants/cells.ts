import { MIN_VALUES } from '../../judge/variants/mean-interval.ts';
import {
  COSTS,
  type Difference,
  type Estimate,
  type FigureName,
  type VariantResult,
  type VariantsDocument,
} from '../../store/variants-document.ts';
import { formatValue } from '../cells.ts';

/** How a figure is shown. */
interface FigureColumn {
  readonly name: FigureName;
  readonly heading: string;
  readonly unit: string;
}

/** Figures in the order of tables. A replica-hour is one replica that exists for an hour of the run's time. */
export const COLUMNS: readonly FigureColumn[] = [
  { name: 'withinSlo', heading: 'SLO kept', unit: '%' },
  { name: 'ttftP99', heading: 'P99 TTFT', unit: 'ms' },
  { name: 'latencyP99', heading: 'P99 latency', unit: 'ms' },
  { name: 'errors', heading: 'Errors', unit: '%' },
  { name: 'replicaHours', heading: 'Replica-hours', unit: '' },
  { name: 'per1000Requests', heading: '1,000 requests', unit: '$' },
  { name: 'perMillionTokens', heading: 'A million tokens', unit: '$' },
  { name: 'oscillations', heading: 'Oscillations', unit: '' },
];

/** What a P99 is that no figure expresses. */
const BEYOND = 'beyond every value';

/** Columns of which any variant has a figure, or a P99 that is beyond every value in some runs only. */
export function columnsOf({ runs }: Pick<VariantsDocument, 'runs'>): FigureColumn[] {
  return COLUMNS.filter(({ name }) => runs.some(({ figures }) => figures[name] !== null));
}

/** `412 ms (380 … 455)`; without an interval the mean alone. */
export function estimateText(estimate: Estimate | null, { name, unit }: FigureColumn): string {
  if (estimate === null) return name === 'ttftP99' || name === 'latencyP99' ? BEYOND : '–';
  const { mean, lower, upper } = estimate;
  if (lower === null && upper === null) return formatValue(mean, unit);
  if (lower === mean && upper === mean) return formatValue(mean, unit);
  return `${formatValue(mean, unit)} (${boundText(lower, unit, '−∞')} … ${boundText(upper, unit, '∞')})`;
}

/**
 * `−30 ms (−50 ms … −10 ms)`; with `no evidence` before it where the interval includes 0, or there is none. That of a cost is
 * in percent, that of a percentage in points.
 */
export function differenceText(difference: Difference | null, { name, unit: own }: FigureColumn): string {
  if (difference === null) return 'not comparable';
  const unit = (COSTS as readonly FigureName[]).includes(name) ? '%' : own === '%' ? ' points' : own;
  const { mean, lower, upper, evidence } = difference;
  const signed = (value: number) => `${value < 0 ? '−' : '+'}${formatValue(Math.abs(value), unit)}`;
  if (lower === mean && upper === mean) return mean === 0 ? 'the same' : signed(mean);
  const bounds = lower === null && upper === null ? 'too few seeds' : undefined;
  const interval = bounds ?? `${lower === null ? '−∞' : signed(lower)} … ${upper === null ? '∞' : signed(upper)}`;
  return `${evidence === 'none' ? 'no evidence: ' : ''}${signed(mean)} (${interval})`;
}

function boundText(bound: number | null, unit: string, open: string): string {
  return bound === null ? open : formatValue(bound, unit);
}

/** `on the frontier`, `dominated by static`, `dominated by static, within noise`. */
export function frontierText({ onFrontier, dominatedBy }: VariantResult): string {
  if (dominatedBy) return `dominated by ${dominatedBy.name}${dominatedBy.evidence ? '' : ', within noise'}`;
  if (onFrontier === null) return 'not compared';
  return onFrontier ? 'on the frontier' : `P99 ${BEYOND}`;
}

/** SLO of the scenario over the seeds of a variant: `✓ 10 of 10`, `✗ 3 of 10, 1 inconclusive`. */
export function sloText(document: VariantsDocument, variant: string, slo: string): string {
  const verdicts = document.runs
    .filter(run => run.variant === variant)
    .map(run => run.slos.find(({ name }) => name === slo)?.verdict ?? 'invalid');
  const count = (verdict: string) => verdicts.filter(found => found === verdict).length;
  if (verdicts.length === 0) return '–';
  const mark = count('fail') > 0 ? '✗' : count('pass') === verdicts.length ? '✓' : '?';
  const others = (['inconclusive', 'invalid'] as const).flatMap(verdict =>
    count(verdict) > 0 ? [`${count(verdict)} ${verdict}`] : [],
  );
  return [`${mark} ${count('pass')} of ${verdicts.length}`, ...others].join(', ');
}

/** SLOs of the scenario, with their objectives, in its order. */
export function slosOf({ runs }: VariantsDocument): { readonly name: string; readonly objective: string }[] {
  return [...new Map(runs.flatMap(({ slos }) => slos).map(slo => [slo.name, slo])).values()];
}

/** Verdict of a variant by its exit code, in words. */
export function resultText({ exitCode, expect }: VariantResult): string {
  const words = { 0: 'pass', 1: 'fail', 2: 'undecided', 4: 'crashed', 130: 'interrupted' }[exitCode];
  if (expect === 'pass' || exitCode > 1) return words;
  return exitCode === 0 ? 'fails, as expected' : 'passes, against what is expected';
}

/** What kept the autoscaler of a variant from decisions, by its first run that says so: its figures are those of replicas that nothing scaled. */
export function blindTexts({ variants, runs }: VariantsDocument): string[] {
  return variants.flatMap(({ name }) =>
    (runs.find(({ variant, warnings }) => variant === name && warnings)?.warnings ?? []).map(
      text => `${name}: ${text}`,
    ),
  );
}

/** What all figures of a comparison mean, as sentences. */
export function explanations({ seeds, deadlines, latency, cost }: VariantsDocument): string[] {
  const [first] = COLUMNS.filter(({ name }) => name === latency);
  return [
    `SLO kept: requests that ${deadlines}, of all. P99: a request that failed or was dropped is slower than every other. Replica-hours: time of all inference replicas, cold starts included, in hours of the run.${cost === 'per1000Requests' ? ' Dollars: of nodes or replicas at their prices, by completed requests, and by their tokens of prompts and outputs.' : ''} Oscillations: changes of the direction in which the number of replicas goes.`,
    seeds.length < MIN_VALUES
      ? `${seeds.length === 1 ? 'One seed' : `${seeds.length} seeds`}: too few for an interval, so that nothing is shown to differ; ten make a good start (--seeds 10).`
      : `Means over ${seeds.length} seeds with 95 % intervals (studentised bootstrap), differences by seed to the first variant. Each interval holds by itself: of twenty, one may be wrong.`,
    `A variant is dominated where another one has both ${cost === 'per1000Requests' ? 'a lower cost of 1,000 requests' : 'fewer replica-hours'} and a lower ${first!.heading}.`,
  ];
}
