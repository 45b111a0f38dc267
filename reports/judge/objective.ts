import { parseDurationMs } from '../../harness/quantity.ts';
import { nearest } from '../nearest.ts';
import { GAUGES, type Gauge } from './gauges.ts';
import { ObjectiveSource } from './objective-source.ts';

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

/** `errors <= 1%`, `errors(http-503) <= 3%`, `availability >= 99.9%`, `dropped <= 0.1%`, `abandoned <= 5%`; see `checks/ratio.ts`. */
export interface RatioObjective extends Limit<'%'> {
  readonly kind: 'ratio';
  readonly measure: 'errors' | 'availability' | 'dropped' | 'abandoned';
  /** Only failures of this kind count; null for all. */
  readonly outcome: string | null;
}

/** `throughput >= 20/s`: requests completed per second. */
export interface ThroughputObjective extends Limit<'/s'> {
  readonly kind: 'throughput';
}

/** `attempts <= 1.5`: attempts per request; see `checks/attempts.ts`. */
export interface AttemptsObjective extends Limit<''> {
  readonly kind: 'attempts';
}

/** `goodput(ttft 500 ms, latency 4 s) >= 95%`, `goodput(2 s) >= 20/s`: answered in time; see `checks/goodput.ts`. */
export interface GoodputObjective extends Limit<'%' | '/s'> {
  readonly kind: 'goodput';
  readonly deadlines: readonly { readonly metric: 'ttft' | 'latency'; readonly limitMs: number }[];
}

/** `recovery(kill) <= 10 s`: from a fault's onset until users no longer notice it; see `checks/recovery.ts`. */
export interface RecoveryObjective extends Limit<'ms'> {
  readonly kind: 'recovery';
  /** Id of the fault. */
  readonly fault: string;
}

/** `refused(attack) >= 99%`: the share of an attack's requests that the service refused; see `checks/refused.ts`. */
export interface RefusedObjective extends Limit<'%'> {
  readonly kind: 'refused';
  /** Id of the fault. */
  readonly fault: string;
}

/** `max(queue) <= 10`, `max(gpu-memory) <= 90%`: the largest reading of any replica; see `checks/gauge.ts`. */
export interface GaugeObjective extends Limit<'' | '%'> {
  readonly kind: 'gauge';
  readonly gauge: Gauge;
}

/** `growth(memory) <= 10%`: from the first to the last quarter of the window; see `checks/growth.ts`. */
export interface GrowthObjective extends Limit<'%'> {
  readonly kind: 'growth';
  readonly gauge: 'memory';
}

/** What an SLO asks for, parsed. */
export type Objective =
  | QuantileObjective
  | MaximumObjective
  | RatioObjective
  | ThroughputObjective
  | AttemptsObjective
  | GoodputObjective
  | RecoveryObjective
  | RefusedObjective
  | GaugeObjective
  | GrowthObjective;

const METRICS: readonly LatencyMetric[] = ['ttft', 'itl', 'latency'];
/** What `max` takes; a process's memory has no natural limit, its growth has. */
const MAXIMA = [...METRICS, ...Object.keys(GAUGES).filter(gauge => gauge !== 'memory')];
const FAILURES = [
  'refused',
  'reset',
  'connect-timeout',
  'idle-timeout',
  'http-status',
  'truncated',
  'malformed',
  'client-timeout',
];
const MEASURES = (
  'p50 p90 p95 p99 p99.9 max errors availability dropped abandoned throughput goodput attempts recovery refused ' +
  'growth'
).split(' ');

/**
 * Parses the objective of an SLO: `measure`, or `measure(argument)`, then a comparison, then a quantity with its unit.
 *
 * @param field name of the setting, for the message
 * @throws SquallError `BAD_OBJECTIVE` that says what was found where and what was expected there
 */
export function parseObjective(text: string, field: string): Objective {
  const statement = readStatement(new ObjectiveSource(text, field));
  const { source, name, argument, argumentAt, comparison } = statement;
  const percentile = percentileOf(statement);
  if (percentile !== null) {
    const metric = metricOf(statement);
    return { kind: 'quantile', percentile, metric, comparison: below(statement), limit: source.duration(), unit: 'ms' };
  }
  switch (name) {
    case 'max':
      return maximumOf(statement);
    case 'growth':
      oneOf(source, argumentAt, argument, ['memory'], 'what grows in parentheses after growth');
      return { kind: 'growth', gauge: 'memory', comparison: below(statement), limit: source.percent(), unit: '%' };
    case 'errors': {
      const outcome = argument === null ? null : failureKind(source, argumentAt, argument);
      below(statement);
      return { kind: 'ratio', measure: name, outcome, comparison, limit: source.percent(), unit: '%' };
    }
    case 'availability':
    case 'dropped':
    case 'abandoned':
      plain(statement);
      if (name === 'availability') above(statement);
      else below(statement);
      return { kind: 'ratio', measure: name, outcome: null, comparison, limit: source.percent(), unit: '%' };
    case 'throughput':
      plain(statement);
      return { kind: 'throughput', comparison: above(statement), limit: source.rate(), unit: '/s' };
    case 'attempts':
      plain(statement);
      return { kind: 'attempts', comparison: below(statement), limit: source.count(), unit: '' };
    case 'goodput': {
      const deadlines = deadlinesOf(statement);
      above(statement);
      const unit = source.endsWith('%') ? '%' : '/s';
      return { kind: 'goodput', deadlines, comparison, limit: unit === '%' ? source.percent() : source.rate(), unit };
    }
    case 'recovery':
      below(statement);
      return { kind: 'recovery', fault: faultOf(statement), comparison, limit: source.duration(), unit: 'ms' };
    case 'refused':
      above(statement);
      return { kind: 'refused', fault: faultOf(statement), comparison, limit: source.percent(), unit: '%' };
    default: {
      throw source.error(statement.nameAt, name, `a measure: ${listed(MEASURES, name)}`);
    }
  }
}

/** `name(argument) comparison`, with where each part began; the source then stands before the quantity. */
interface Statement {
  readonly source: ObjectiveSource;
  readonly name: string;
  readonly nameAt: number;
  readonly argument: string | null;
  readonly argumentAt: number;
  readonly comparison: Comparison;
  readonly comparisonAt: number;
}

function readStatement(source: ObjectiveSource): Statement {
  const name = source.take(/[A-Za-z][\w.]*/y, 'a measure');
  const nameAt = source.lastAt;
  const inParentheses = source.peek('(') ? source.take(/\([^()]*\)/y, 'an argument and ")"') : null;
  const argumentAt = source.lastAt;
  const comparison = source.take(/<=|>=|<|>/y, 'one of <=, <, >= or >') as Comparison;
  const argument = inParentheses === null ? null : inParentheses.slice(1, -1).trim();
  return { source, name, nameAt, argument, argumentAt, comparison, comparisonAt: source.lastAt };
}

/** @returns null where the measure is no percentile */
function percentileOf({ source, name, nameAt }: Statement): number | null {
  const digits = /^p(\d+(?:\.\d+)?)$/.exec(name)?.[1];
  if (digits === undefined) return null;
  if (Number(digits) > 0 && Number(digits) < 100) return Number(digits);
  throw source.error(nameAt, name, 'a percentile between p0 and p100, both excluded (the largest value is max)');
}

function metricOf({ source, name, argument, argumentAt }: Statement): LatencyMetric {
  return oneOf(source, argumentAt, argument, METRICS, `a latency in parentheses after ${name}`) as LatencyMetric;
}

function maximumOf(statement: Statement): MaximumObjective | GaugeObjective {
  const { source, argument, argumentAt } = statement;
  const what = oneOf(source, argumentAt, argument, MAXIMA, 'a latency or a gauge in parentheses after max');
  const comparison = below(statement);
  if (METRICS.includes(what as LatencyMetric))
    return { kind: 'maximum', metric: what as LatencyMetric, comparison, limit: source.duration(), unit: 'ms' };
  const gauge = what as Gauge;
  const unit = GAUGES[gauge].unit === '%' ? '%' : '';
  return { kind: 'gauge', gauge, comparison, limit: unit === '%' ? source.percent() : source.count(), unit };
}

/** `2 s`, or `ttft 500 ms, latency 2 s`; without a name it is the whole answer's. */
function deadlinesOf({ source, argument, argumentAt }: Statement): GoodputObjective['deadlines'] {
  return (argument ?? '').split(',').map(part => {
    const [, metric = 'latency', text = ''] = /^\s*(?:(ttft|latency)\s+)?(\d.*)$/.exec(part) ?? [];
    try {
      return { metric: metric as 'ttft' | 'latency', limitMs: parseDurationMs(text, 'goodput') };
    } catch (cause) {
      const expected = 'deadlines in parentheses after goodput, such as (ttft 500 ms, latency 4 s)';
      throw source.error(argumentAt, part, expected, cause);
    }
  });
}

function faultOf({ source, name, argument, argumentAt }: Statement): string {
  if (argument) return argument;
  throw source.error(argumentAt, '', `the id of a fault in parentheses after ${name}`);
}

function plain({ source, name, argument, argumentAt }: Statement): void {
  if (argument !== null) throw source.error(argumentAt, `(${argument})`, `no argument after ${name}`);
}

/** An upper limit is the only one that says anything about a latency or an error; see also {@link above}. */
function below({ source, name, comparison, comparisonAt }: Statement): Comparison {
  if (comparison.startsWith('<')) return comparison;
  throw source.error(comparisonAt, comparison, `<= or <, which bounds ${name} from its bad side`);
}

function above({ source, name, comparison, comparisonAt }: Statement): Comparison {
  if (comparison.startsWith('>')) return comparison;
  throw source.error(comparisonAt, comparison, `>= or >, which bounds ${name} from its bad side`);
}

function failureKind(source: ObjectiveSource, at: number, found: string): string {
  if (/^http-[1-5]\d\d$/.test(found)) return found;
  return oneOf(source, at, found, FAILURES, 'a way to fail, or http-<status>,');
}

function oneOf(
  source: ObjectiveSource,
  at: number,
  found: string | null,
  known: readonly string[],
  what: string,
): string {
  if (found !== null && known.includes(found)) return found;
  throw source.error(at, found ?? '', `${what}: ${listed(known, found ?? '')}`);
}

function listed(known: readonly string[], found: string): string {
  const name = nearest(found, known);
  return `${known.join(', ')}${name === undefined ? '' : `; the nearest is ${name}`}`;
}
