import { formatMs } from '../../harness/quantity.ts';
import type { ScalingRules } from '../../stack/autoscaler/hpa/schema.ts';
import type { Activation } from '../../stack/autoscaler/keda/activation.ts';
import type { Manifest } from '../../stack/autoscaler/manifest.ts';
import { nameOf } from '../../stack/autoscaler/measure/measure.ts';
import type { Rule, SeriesRule } from '../../stack/autoscaler/measure/rule.ts';
import type { AutoscalerOptions } from '../../stack/autoscaler/options.ts';
import type { PolicyOptions } from '../../stack/autoscaler/policy/catalog.ts';
import type { SettledOptions } from '../../stack/options.ts';
import type { Topology } from '../../stack/topology.ts';
import type { WithAutoscaler } from './autoscaler.ts';

/** Intervals of an autoscaler and of what it scales, in ms of production. */
export interface Intervals {
  readonly autoscaler: AutoscalerOptions;
  /** What its file says; undefined for a policy. */
  readonly manifest: Manifest | undefined;
  /** How its metrics may be measured, by name. */
  readonly metrics: ReadonlyMap<string, readonly Rule[]>;
  /** Interval of `stack.prometheus` if that is where metrics come from. */
  readonly prometheusMs: number | undefined;
  /** From the start of a replica until it serves. */
  readonly coldStartMs: number;
  readonly loadMs: number;
  readonly timeScale: number;
}

/** Intervals of a stack with an autoscaler, all but those of its load; undefined without one. */
export function intervalsOf(
  { autoscaler, prometheus }: SettledOptions,
  { manifest, metrics }: Pick<WithAutoscaler<unknown>, 'manifest' | 'metrics'>,
  { replicas }: Topology,
  timeScale: number,
): Omit<Intervals, 'loadMs'> | undefined {
  if (autoscaler === 'off') return undefined;
  const isRead = autoscaler.metricsFrom === 'prometheus' && prometheus !== 'off';
  const prometheusMs = isRead ? prometheus.scrapeEveryMs * timeScale : undefined;
  const coldStartMs = timeScale * (replicas.find(({ service }) => service === 'inference')?.coldStartMs ?? 0);
  return { autoscaler, manifest, metrics, prometheusMs, coldStartMs, timeScale };
}

/** Period of the default policies of a HorizontalPodAutoscaler, which nobody has chosen. */
const DEFAULT_PERIOD_SECONDS = 15;
/** Series that only replicas report. */
const OF_REPLICAS = /^(?:vllm:|DCGM_)/;

/**
 * Warnings of intervals that cannot work with one another, as sentences with the numbers to change. All durations in them are those of
 * production, as in a scenario.
 */
export function intervalWarnings(intervals: Intervals): string[] {
  const { autoscaler, manifest } = intervals;
  return [
    ...measuring(intervals),
    ...deciding(intervals),
    ...(manifest ? inFile(manifest, intervals) : ofPolicy(autoscaler.policy as PolicyOptions, intervals)),
  ].map(sentence => `Autoscaler: ${sentence}.`);
}

/** Interval between two values of a series. */
function scrapeMsOf({ autoscaler: { scrapeMs }, prometheusMs }: Intervals): number {
  return prometheusMs ?? scrapeMs;
}

/** `` `scrape` to 7.5 s or less ``, in the time that its field is in. */
function fasterScrapes({ prometheusMs, timeScale }: Intervals, toMs: number): string {
  return prometheusMs === undefined
    ? `\`stack.autoscaler.scrape\` to ${formatMs(toMs)} or less`
    : `\`stack.prometheus.scrapeEvery\` to ${formatMs(toMs / timeScale)} or less, which \`timeScale\` does not divide`;
}

function measuring(intervals: Intervals): string[] {
  const scrapeMs = scrapeMsOf(intervals);
  const apart = `scrapes are ${formatMs(scrapeMs)} apart`;
  return [...intervals.metrics].flatMap(([name, rules]) => {
    const series = rules.filter((rule): rule is SeriesRule => 'series' in rule);
    // Of several ways to measure it, one that works suffices.
    if (series.length === 0 || series.length < rules.length) return [];
    const lookback = series.find(({ as, lookbackMs }) => as === 'gauge' && lookbackMs > 0 && lookbackMs < scrapeMs);
    if (lookback)
      return [
        `the lookback of "${name}", ${formatMs(lookback.lookbackMs)}, ends before the next scrape, since ${apart}: set it to ${formatMs(scrapeMs)} or more, or ${fasterScrapes(intervals, lookback.lookbackMs)}`,
      ];
    if (series.some(({ as, windowMs }) => as === 'gauge' || windowMs >= 2 * scrapeMs)) return [];
    const windowMs = Math.max(...series.map(each => each.windowMs));
    const [how, what] =
      windowMs < scrapeMs ? ['never has a value', 'never holds'] : ['has no value at some decisions', 'may not hold'];
    return [
      `"${name}" ${how}: its window of ${formatMs(windowMs)} ${what} the two scrapes that a rate takes, since ${apart}. Set the window to ${formatMs(2 * scrapeMs)} or more, or ${fasterScrapes(intervals, windowMs / 2)}`,
    ];
  });
}

function deciding(intervals: Intervals): string[] {
  const { autoscaler, coldStartMs, loadMs, metrics } = intervals;
  const { syncPeriodMs } = autoscaler;
  const scrapeMs = scrapeMsOf(intervals);
  const lasts = `the load lasts ${formatMs(loadMs)}`;
  return [
    ...when(
      syncPeriodMs >= loadMs,
      `it decides every ${formatMs(syncPeriodMs)}, and ${lasts}, so that it may never decide: lengthen the load, raise \`timeScale\`, or set \`stack.autoscaler.syncPeriod\` to ${formatMs(loadMs / 4)} or less`,
    ),
    ...when(
      syncPeriodMs < scrapeMs && metrics.size > 0,
      `it decides every ${formatMs(syncPeriodMs)} on values that are new every ${formatMs(scrapeMs)} only: set \`stack.autoscaler.syncPeriod\` to ${formatMs(scrapeMs)} or more, or ${fasterScrapes(intervals, syncPeriodMs)}`,
    ),
    ...when(
      coldStartMs >= loadMs,
      `a replica takes ${formatMs(coldStartMs)} to start, and ${lasts}, so that none that it adds can serve: lengthen the load, raise \`timeScale\`, or shorten \`stack.inference.modelLoad\``,
    ),
  ];
}

function inFile({ spec, activation }: Manifest, intervals: Intervals): string[] {
  const { syncPeriodMs, downscaleStabilizationMs } = intervals.autoscaler;
  const { behavior } = spec;
  const decides = `it decides every ${formatMs(syncPeriodMs)}`;
  const own = (direction: 'scaleUp' | 'scaleDown', rules: ScalingRules) => {
    const field = `behavior.${direction}`;
    const windowMs = 1000 * (rules.stabilizationWindowSeconds ?? 0);
    return [
      ...when(
        windowMs > 0 && windowMs <= syncPeriodMs,
        `\`${field}.stabilizationWindowSeconds\` ${windowMs / 1000} stabilises nothing, since ${decides}, and so holds no earlier decision: set it to ${1 + Math.ceil(syncPeriodMs / 1000)} or more, or to 0`,
      ),
      ...rules.policies.flatMap(({ periodSeconds }, index) =>
        when(
          periodSeconds * 1000 < syncPeriodMs && periodSeconds !== DEFAULT_PERIOD_SECONDS,
          `\`${field}.policies[${index}].periodSeconds\` ${periodSeconds} is shorter than the ${formatMs(syncPeriodMs)} between decisions, so that its value holds for each of these: set it to ${Math.ceil(syncPeriodMs / 1000)} or more`,
        ),
      ),
    ];
  };
  const isDefault = behavior?.scaleDown.stabilizationWindowSeconds === undefined;
  return [
    ...(behavior ? [...own('scaleUp', behavior.scaleUp), ...own('scaleDown', behavior.scaleDown)] : []),
    ...when(
      isDefault && downscaleStabilizationMs > 0 && downscaleStabilizationMs < syncPeriodMs,
      `\`stack.autoscaler.downscaleStabilization\` ${formatMs(downscaleStabilizationMs)} stabilises nothing, since ${decides}: set it to ${formatMs(syncPeriodMs)} or more, or to 0s`,
    ),
    ...(activation ? activating(activation, intervals) : []),
  ];
}

function activating({ triggers, cooldownMs }: Activation, { autoscaler, metrics }: Intervals): string[] {
  const names = triggers.map(({ metric }) => nameOf(metric));
  return [
    ...shortCooldown('cooldownPeriod', cooldownMs, autoscaler),
    ...unseen(
      names.map(name => metrics.get(name) ?? []),
      'a trigger',
    ),
  ];
}

/** One decision without activity takes the last replica away, whatever it was doing. */
function shortCooldown(field: string, cooldownMs: number, { syncPeriodMs }: AutoscalerOptions): string[] {
  return when(
    cooldownMs < syncPeriodMs,
    `\`${field}\` ${formatMs(cooldownMs)} is shorter than the ${formatMs(syncPeriodMs)} between decisions, so that a single one without activity takes the last replica away: set it to ${formatMs(2 * syncPeriodMs)} or more`,
  );
}

/** Nothing brings the first replica back if only replicas report what would. */
function unseen(measured: readonly (readonly Rule[])[], what: string): string[] {
  const isOfReplicas = (rules: readonly Rule[]) =>
    rules.length > 0 &&
    rules.every(rule => 'series' in rule && OF_REPLICAS.test(rule.series) && (rule.absent ?? 0) <= 0);
  return when(
    measured.length > 0 && measured.every(isOfReplicas),
    `it scales to zero, and then nothing brings a replica back, since only replicas report ${measured.map(([rule]) => (rule && 'series' in rule ? rule.series : '')).join(', ')}: add ${what} on gateway_requests_in_flight, or keep one replica`,
  );
}

function ofPolicy(options: PolicyOptions, intervals: Intervals): string[] {
  const { autoscaler, coldStartMs, loadMs, metrics } = intervals;
  const { syncPeriodMs } = autoscaler;
  const field = 'stack.autoscaler.policy';
  const ms = (key: string) => Number(options[key] ?? 0);
  const late = when(
    ms('leadMs') > 0 && ms('leadMs') < coldStartMs,
    `\`${field}.lead\` ${formatMs(ms('leadMs'))} is shorter than the ${formatMs(coldStartMs)} that a replica takes to start, so that all come too late: set it to ${formatMs(coldStartMs + syncPeriodMs)} or more`,
  );
  const isToZero = options.minReplicas === 0;
  const zero = isToZero ? unseen([...metrics.values()], 'a metric') : [];
  switch (options.kind) {
    case 'threshold':
      return (options.steps as readonly ThresholdStep[]).flatMap(({ metric, above = 0, forMs }, index) => [
        ...when(
          metric === 'load' && autoscaler.rules.load === undefined && above >= 1,
          `\`${field}.steps[${index}].above\` ${above} is never reached, since \`load\` is the utilisation of the GPUs from 0 to 1: set it to less, such as 0.8`,
        ),
        ...when(
          forMs >= loadMs,
          `\`${field}.steps[${index}].for\` ${formatMs(forMs)} never passes within the load of ${formatMs(loadMs)}: set it to less, lengthen the load, or raise \`timeScale\``,
        ),
      ]);
    case 'knative': {
      const panicMs = (ms('stableWindowMs') * Number(options.panicWindowPercentage)) / 100;
      const valueMs = Math.max(syncPeriodMs, scrapeMsOf(intervals));
      return [
        ...when(
          panicMs < valueMs,
          `the panic window of ${formatMs(panicMs)} holds one value at most, since there is one every ${formatMs(valueMs)}: set \`stack.autoscaler.syncPeriod\` and \`scrape\` to ${formatMs(panicMs / 2)} or less (2 s suits Knative), or \`${field}.stableWindow\` to ${formatMs((200 * valueMs) / Number(options.panicWindowPercentage))} or more`,
        ),
        ...zero,
      ];
    }
    case 'keda':
      return [...(isToZero ? shortCooldown(`${field}.cooldown`, ms('cooldownMs'), autoscaler) : []), ...zero];
    case 'predictive':
      return [
        ...late,
        // A season to learn, and a quarter of the next to compare forecasts with what came.
        ...when(
          1.25 * ms('periodMs') + ms('leadMs') > loadMs,
          `it never uses its forecast, which takes more than a period of ${formatMs(ms('periodMs'))}, within the load of ${formatMs(loadMs)}: set \`${field}.period\` to ${formatMs(loadMs / 3)} or less, lengthen the load, or raise \`timeScale\``,
        ),
        ...when(
          ms('bucketMs') < syncPeriodMs,
          `\`${field}.bucket\` ${formatMs(ms('bucketMs'))} is shorter than the ${formatMs(syncPeriodMs)} between decisions, so that buckets stay empty: set it to ${formatMs(syncPeriodMs)} or more`,
        ),
      ];
    case 'schedule':
      return [
        ...late,
        ...(options.windows as readonly { readonly replicas: number }[]).flatMap(({ replicas }, index) =>
          when(
            replicas > options.maxReplicas,
            `\`${field}.windows[${index}].replicas\` ${replicas} is more than its \`maxReplicas\` ${options.maxReplicas}, which limits it: set that to ${replicas} or more`,
          ),
        ),
      ];
    default:
      return zero;
  }
}

interface ThresholdStep {
  readonly metric: string;
  readonly above?: number;
  readonly forMs: number;
}

function when(holds: boolean, sentence: string): string[] {
  return holds ? [sentence] : [];
}
