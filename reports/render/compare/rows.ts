import type { ChangedSetting, CompareDocument, ComparedIndicator } from '../../store/compare-document.ts';
import { formatValue } from '../cells.ts';
import type { Rows } from '../rows.ts';

/** Settings that a sentence names. */
const MAX_PATHS = 5;

const CHANGES: Readonly<Record<ComparedIndicator['change'], string>> = {
  regression: '✗ regression',
  improvement: '✓ improvement',
  equal: '= equal',
  'no-evidence': '? no evidence',
  'not-compared': '– not compared',
};

/** Indicators: a row each, regressions first. */
export function indicatorRows({ indicators }: CompareDocument): Rows {
  const order = Object.keys(CHANGES);
  const sorted = indicators.toSorted((a, b) => order.indexOf(a.change) - order.indexOf(b.change));
  return [
    ['Indicator', 'Window', 'Base', 'Candidate', 'Difference', '95 % interval', 'Detectable', 'Change'],
    ...sorted.map(indicator => [
      indicator.class === undefined ? indicator.name : `${indicator.name}, class ${indicator.class}`,
      indicator.window,
      figureText(indicator, 'base'),
      figureText(indicator, 'candidate'),
      indicator.difference ? signed(indicator.difference.value, indicator) : '–',
      intervalText(indicator),
      indicator.detectable === null ? '–' : signed(indicator.detectable, indicator),
      CHANGES[indicator.change],
    ]),
  ];
}

/** Settings that differ: a row each. */
export function settingRows(settings: readonly ChangedSetting[]): Rows {
  return [
    ['Setting', 'Base', 'Candidate'],
    ...settings.map(({ path, base, candidate }) => [path, valueText(base), valueText(candidate)]),
  ];
}

/** What the comparison shows, as a sentence. */
export function conclusion({ verdict, indicators, incomparable, notes }: CompareDocument): string {
  const names = (change: ComparedIndicator['change']) =>
    indicators.filter(one => one.change === change).map(({ name, window }) => `${name} in ${window}`);
  const among = comparedText(indicators);
  switch (verdict) {
    case 'incomparable':
      return `Not compared: the runs do not measure the same, since they differ in ${pathsText(incomparable)}.`;
    case 'invalid':
      return `Not compared: ${notes.join(' ')}`;
    case 'regression': {
      const better = names('improvement');
      return `Worse: ${names('regression').join(', ')}.${better.length > 0 ? ` Better: ${better.join(', ')}.` : ''}`;
    }
    case 'improvement':
      return `Better: ${names('improvement').join(', ')}. Nothing is shown to be worse${among}.`;
    case 'equal':
      return 'Equal within the tolerance.';
    case 'no-evidence':
      if (indicators.every(({ change }) => change === 'not-compared')) return 'None of the indicators can be compared.';
      return `No evidence of a difference${among}; one below what is detectable would not be seen.`;
  }
}

function pathsText(settings: readonly ChangedSetting[]): string {
  const more = settings.length - MAX_PATHS;
  const paths = settings.slice(0, MAX_PATHS).map(({ path }) => path);
  return `${paths.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** How many indicators a conclusion is about, if not all. */
function comparedText(indicators: readonly ComparedIndicator[]): string {
  const compared = indicators.filter(({ change }) => change !== 'not-compared').length;
  return compared === indicators.length
    ? ''
    : ` in the ${compared} of ${indicators.length} indicators that can be compared`;
}

/** How the figures of a comparison came about, as sentences. */
export function explanations({ unit, paired, tolerance, base, candidate, notes }: CompareDocument): string[] {
  if (unit === null) return [];
  const [one, other] = [base.runs.length, candidate.runs.length];
  const counts = one === other ? `${one} ${one === 1 ? 'run' : 'runs'} a side` : `${one} runs against ${other}`;
  const drawn = unit === 'runs' ? 'whole runs' : 'blocks of time';
  const tolerated =
    tolerance.latencyRatio === 0 && tolerance.points === 0
      ? 'Nothing is tolerated.'
      : `A difference counts beyond ${formatValue(100 * tolerance.latencyRatio, '%')} of a latency, and ${formatValue(tolerance.points, '')} points of a share.`;
  return [
    `Differences of the candidate to the base, ${counts}, by drawing ${drawn} again${paired ? ', of the same arrivals on both sides' : ''}. Each side of the intervals holds with 95 % for all indicators together. ${tolerated}`,
    'Detectable: the difference that such runs show four times out of five. Shares are those of requests that failed, or that missed what an SLO demands of each.',
    ...notes,
  ];
}

function intervalText(indicator: ComparedIndicator): string {
  if (!indicator.difference) return '–';
  const { lower, upper } = indicator.difference;
  return `${signed(lower, indicator)} … ${signed(upper, indicator)}`;
}

function figureText(indicator: ComparedIndicator, side: 'base' | 'candidate'): string {
  return indicator.infinite?.includes(side) ? 'beyond every value' : formatValue(indicator[side], indicator.unit);
}

/** `+12%`, from twice as long on `×2.4`, `−0.3 points`. */
function signed(value: number | null, { unit }: ComparedIndicator): string {
  if (value === null) return '–';
  if (unit === 'ms' && value >= 100) return `×${formatValue(1 + value / 100, '')}`;
  const amount = formatValue(Math.abs(value), unit === 'ms' ? '%' : ' points');
  return value === 0 ? amount : `${value < 0 ? '−' : '+'}${amount}`;
}

function valueText(value: unknown): string {
  return value === null ? '–' : typeof value === 'string' ? value : JSON.stringify(value);
}
