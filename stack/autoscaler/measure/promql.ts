import { durationMs } from '../../../harness/quantity.ts';
import { type SeriesRule, seriesRuleOf } from './rule.ts';

const NAME = '([A-Za-z_:][\\w:]*)';
const LABELS = '(?:\\{([^{}]*)\\})?';
const BY = '(?:\\s*by\\s*\\(\\s*le\\s*\\))?';
const VECTOR = `${NAME}${LABELS}`;
const FOLDED = new RegExp(`^(sum|avg|max|min)\\s*\\(\\s*${VECTOR}\\s*\\)$`);
const RATE = new RegExp(`^(?:(sum|avg|max|min)\\s*\\(\\s*)?i?rate\\s*\\(\\s*${VECTOR}\\[(\\w+)\\]\\s*\\)(\\s*\\))?$`);
const QUANTILE = new RegExp(
  `^histogram_quantile\\s*\\(\\s*(0?\\.\\d+)\\s*,\\s*sum${BY}\\s*\\(\\s*rate\\s*\\(\\s*${VECTOR}\\[(\\w+)\\]\\s*\\)\\s*\\)${BY}\\s*\\)$`,
);
const OR_VECTOR = /^(.*\S) or (?:on\s?\(\s?\) ?)?vector\s?\(\s?(\d+(?:\.\d+)?)\s?\)$/;
const BARE = new RegExp(`^${VECTOR}$`);

/**
 * The rule that a query of Prometheus stands for, if it has one of the usual forms: `fold(series{label="value"})`, `fold(rate(…[2m]))`,
 * `histogram_quantile(0.99, sum(rate(…_bucket[5m])) by (le))`, and any of these `or vector(0)`. Anything else takes a Prometheus to evaluate.
 */
export function ruleOfQuery(text: string): SeriesRule | undefined {
  const query = text.trim().replace(/\s+/g, ' ');
  const [, alternative, absent] = OR_VECTOR.exec(query) ?? [];
  if (alternative !== undefined) {
    const rule = ruleOfQuery(/^\((.*)\)$/.exec(alternative)?.[1] ?? alternative);
    return rule && rule.absent === undefined ? { ...rule, absent: Number(absent) } : undefined;
  }
  const build = (series: string, labels: string | undefined, rest: Partial<SeriesRule>): SeriesRule | undefined => {
    const matchers = labelsOf(labels);
    return matchers && seriesRuleOf({ series, labels: matchers, ...rest });
  };
  const folded = FOLDED.exec(query);
  if (folded) return build(folded[2]!, folded[3], { fold: folded[1] as SeriesRule['fold'] });
  const rate = RATE.exec(query);
  if (rate && (rate[1] !== undefined) === (rate[5] !== undefined)) {
    const windowMs = durationMs(rate[4]!);
    const fold = (rate[1] ?? 'sum') as SeriesRule['fold'];
    return windowMs === undefined ? undefined : build(rate[2]!, rate[3], { as: 'rate', windowMs, fold });
  }
  const quantile = QUANTILE.exec(query);
  if (quantile) {
    const windowMs = durationMs(quantile[4]!);
    const name = /^(.*)_bucket$/.exec(quantile[2]!)?.[1];
    if (windowMs === undefined || name === undefined) return undefined;
    return build(name, quantile[3], { as: 'quantile', quantile: Number(quantile[1]), windowMs });
  }
  const bare = BARE.exec(query);
  return bare ? build(bare[1]!, bare[2], {}) : undefined;
}

/** Matchers of equality; undefined for any other. */
function labelsOf(text = ''): Record<string, string> | undefined {
  const labels: Record<string, string> = {};
  for (const part of text.split(',').map(each => each.trim())) {
    if (part === '') continue;
    const match = /^(\w+)\s*=\s*"([^"\\]*)"$/.exec(part);
    if (!match) return undefined;
    labels[match[1]!] = match[2]!;
  }
  return labels;
}
