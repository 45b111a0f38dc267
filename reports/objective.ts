import { closest } from 'fastest-levenshtein';
import { messageOf, SquallError } from '../harness/errors.ts';
import { parseDurationMs, parseRatePerSecond } from '../harness/quantity.ts';

/** A latency of a request: time to first token, gaps between tokens, or the whole answer. */
export type LatencyMetric = 'ttft' | 'itl' | 'latency';

/** How a measure must lie to its limit. */
export type Comparison = '<=' | '<' | '>=' | '>';

interface Limit<Unit extends string> {
  readonly comparison: Comparison;
  /** In `unit`; `measured` and its bounds are given in the same. */
  readonly limit: number;
  readonly unit: Unit;
}

/** `p99(ttft) <= 800 ms`: the percentile (between 0 and 100) of a latency over the window's requests. */
export interface QuantileObjective extends Limit<'ms'> {
  readonly kind: 'quantile';
  readonly percentile: number;
  readonly metric: LatencyMetric;
}

/** `max(ttft) < 2 s`: the largest value seen. */
export interface MaximumObjective extends Limit<'ms'> {
  readonly kind: 'maximum';
  readonly metric: LatencyMetric;
}

/** `errors <= 1%`, `errors(http-503) <= 3%`, `availability >= 99.9%`, `dropped <= 0.1%`; see `checks/ratio.ts`. */
export interface RatioObjective extends Limit<'%'> {
  readonly kind: 'ratio';
  readonly measure: 'errors' | 'availability' | 'dropped';
  /** Only failures of this kind count; null for all. */
  readonly outcome: string | null;
}

/** `throughput >= 20/s`: requests completed per second. */
export interface ThroughputObjective extends Limit<'/s'> {
  readonly kind: 'throughput';
}

/** `recovery(kill) <= 10 s`: from a fault's onset until users no longer notice it; see `checks/recovery.ts`. */
export interface RecoveryObjective extends Limit<'ms'> {
  readonly kind: 'recovery';
  /** Id of the fault. */
  readonly fault: string;
}

/** What an SLO asks for, parsed. */
export type Objective = QuantileObjective | MaximumObjective | RatioObjective | ThroughputObjective | RecoveryObjective;

const METRICS: readonly LatencyMetric[] = ['ttft', 'itl', 'latency'];
const FAILURES = ['refused', 'reset', 'connect-timeout', 'idle-timeout', 'http-status', 'truncated', 'malformed'];
const MEASURES = [
  'p50',
  'p90',
  'p95',
  'p99',
  'p99.9',
  'max',
  'errors',
  'availability',
  'dropped',
  'throughput',
  'recovery',
];
const EXAMPLES = '"p99(ttft) <= 800 ms", "errors <= 1%", "throughput >= 20/s" or "recovery(kill) <= 10 s"';

/**
 * Parses the objective of an SLO: `measure`, or `measure(argument)`, then a comparison, then a quantity with its unit.
 *
 * @param field name of the setting, for the message
 * @throws SquallError `BAD_OBJECTIVE` that says what was found where and what was expected there
 */
export function parseObjective(text: string, field: string): Objective {
  const source = new Source(text, field);
  const name = source.take(/[A-Za-z][\w.]*/y, 'a measure');
  const measureAt = source.lastAt;
  const argument = source.peek('(')
    ? source
        .take(/\(\s*[^()]*\)/y, 'an argument and ")"')
        .slice(1, -1)
        .trim()
    : null;
  const argumentAt = source.lastAt;
  const comparison = source.take(/<=|>=|<|>/y, 'one of <=, <, >= or >') as Comparison;
  const comparisonAt = source.lastAt;
  const want = (up: boolean) => {
    if (up !== comparison.startsWith('>'))
      throw source.error(
        comparisonAt,
        comparison,
        `${up ? '>= or >' : '<= or <'}, which bounds ${name} from its good side`,
      );
  };
  const metric = () =>
    oneOf(source, argumentAt, argument, METRICS, `a latency in parentheses after ${name}`) as LatencyMetric;
  const plain = () => {
    if (argument !== null) throw source.error(argumentAt, `(${argument})`, `no argument after ${name}`);
  };

  const percentile = /^p(\d+(?:\.\d+)?)$/.exec(name)?.[1];
  if (percentile !== undefined) {
    if (!(Number(percentile) > 0 && Number(percentile) < 100))
      throw source.error(measureAt, name, 'a percentile between p0 and p100, both excluded (the largest value is max)');
    const head = { kind: 'quantile', percentile: Number(percentile), metric: metric() } as const;
    want(false);
    return { ...head, comparison, limit: source.duration(), unit: 'ms' };
  }
  switch (name) {
    case 'max': {
      const head = { kind: 'maximum', metric: metric() } as const;
      want(false);
      return { ...head, comparison, limit: source.duration(), unit: 'ms' };
    }
    case 'errors':
    case 'availability':
    case 'dropped': {
      const outcome = name === 'errors' && argument !== null ? failureKind(source, argumentAt, argument) : null;
      if (name !== 'errors') plain();
      want(name === 'availability');
      return { kind: 'ratio', measure: name, outcome, comparison, limit: source.percent(), unit: '%' };
    }
    case 'throughput':
      plain();
      want(true);
      return { kind: 'throughput', comparison, limit: source.rate(), unit: '/s' };
    case 'recovery':
      if (!argument) throw source.error(argumentAt, argument ?? '', 'the id of a fault in parentheses after recovery');
      want(false);
      return { kind: 'recovery', fault: argument, comparison, limit: source.duration(), unit: 'ms' };
    default:
      throw source.error(
        measureAt,
        name,
        `a measure: ${MEASURES.join(', ')}; the nearest is ${closest(name, MEASURES)}`,
      );
  }
}

/** The objective as text that {@link parseObjective} reads back to the same. */
export function formatObjective(objective: Objective): string {
  return `${headOf(objective)} ${objective.comparison} ${objective.limit}${objective.unit === 'ms' ? ' ms' : objective.unit}`;
}

function headOf(objective: Objective): string {
  switch (objective.kind) {
    case 'quantile':
      return `p${objective.percentile}(${objective.metric})`;
    case 'maximum':
      return `max(${objective.metric})`;
    case 'ratio':
      return objective.outcome === null ? objective.measure : `${objective.measure}(${objective.outcome})`;
    case 'throughput':
      return 'throughput';
    case 'recovery':
      return `recovery(${objective.fault})`;
  }
}

function failureKind(source: Source, at: number, found: string): string {
  if (/^http-[1-5]\d\d$/.test(found)) return found;
  return oneOf(source, at, found, FAILURES, 'a way to fail, or http-<status>,');
}

function oneOf(source: Source, at: number, found: string | null, known: readonly string[], what: string): string {
  if (found !== null && known.includes(found)) return found;
  const nearest = found ? `; the nearest is ${closest(found, known)}` : '';
  throw source.error(at, found ?? '', `${what}: ${known.join(', ')}${nearest}`);
}

/** The text with a reading position. */
class Source {
  readonly #text: string;
  readonly #field: string;
  #at = 0;
  /** Where the last token began. */
  lastAt = 0;

  constructor(text: string, field: string) {
    this.#text = text;
    this.#field = field;
  }

  peek(token: string): boolean {
    this.#skip();
    this.lastAt = this.#at;
    return this.#text.startsWith(token, this.#at);
  }

  take(pattern: RegExp, expected: string): string {
    this.#skip();
    this.lastAt = this.#at;
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (!match) throw this.error(this.#at, this.#text.slice(this.#at), expected);
    this.#at = pattern.lastIndex;
    return match[0];
  }

  duration(): number {
    return this.#quantity('a duration such as "800 ms" or "10 s"', text => parseDurationMs(text, this.#field));
  }

  rate(): number {
    return this.#quantity('a rate such as "20/s"', text => parseRatePerSecond(text, this.#field));
  }

  percent(): number {
    return this.#quantity('a percentage from 0% to 100%, such as "0.5%"', text => {
      const number = /^(\d+(?:\.\d+)?)\s*%$/.exec(text)?.[1];
      if (number === undefined || Number(number) > 100) throw new RangeError('not a percentage');
      return Number(number);
    });
  }

  error(at: number, found: string, expected: string, cause?: unknown): SquallError {
    const where = found.trim() === '' ? 'nothing' : JSON.stringify(found.trim());
    return new SquallError(
      'scenario',
      'BAD_OBJECTIVE',
      `Expected \`${this.#field}\` to be an objective, got ${JSON.stringify(this.#text)}: found ${where} at character ${at + 1}, expected ${expected}`,
      {
        next: `Write \`${this.#field}\` like ${EXAMPLES}.`,
        ...(cause === undefined ? {} : { cause: messageOf(cause) }),
      },
    );
  }

  #quantity(expected: string, parse: (text: string) => number): number {
    const rest = this.take(/.*/suy, expected).trim();
    try {
      return parse(rest);
    } catch (cause) {
      throw this.error(this.lastAt, rest, expected, cause);
    }
  }

  #skip(): void {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at += 1;
  }
}
