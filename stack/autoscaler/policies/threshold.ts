import { z } from 'zod';
import { durationMs, type PolicyInput, policyKind } from '../policy/policy.ts';
import { bounded, short } from '../policy/window.ts';

const count = z.int().min(1).max(10_000);
const step = z
  .strictObject({
    metric: z.string().min(1).describe('`load`, or the name of a metric'),
    above: z.number().optional().describe('it fires while the metric is above it'),
    below: z.number().optional().describe('it fires while the metric is below it'),
    forMs: durationMs.default(0).describe('how long that must last before it fires'),
    add: z
      .int()
      .min(-10_000)
      .max(10_000)
      .refine(by => by !== 0, 'expected another number than 0')
      .optional()
      .describe('how many replicas it adds, or takes away if negative'),
    atLeast: count.optional().describe('replicas to which it raises their number'),
    atMost: count.optional().describe('replicas to which it lowers their number'),
  })
  .refine(({ above, below }) => (above === undefined) !== (below === undefined), {
    message: 'expected exactly one of `above` and `below`',
  })
  .refine(({ add, atLeast, atMost }) => [add, atLeast, atMost].filter(each => each !== undefined).length === 1, {
    message: 'expected exactly one of `add`, `atLeast` and `atMost`',
  });

type Step = z.output<typeof step>;

interface State {
  /** Since when the condition of each step holds. */
  readonly sinceMs: readonly (number | undefined)[];
  readonly changedAtMs?: number;
}

/** The engines' utilisation, 0 to 1. */
const LOAD = { series: 'DCGM_FI_DEV_GPU_UTIL', fold: 'avg', factor: 0.01 } as const;

/**
 * Threshold rules: each step compares one metric with one threshold, and adds replicas or sets their number. A step up wins over a step
 * down, the largest over the others up, and the smallest down.
 */
export const policy = policyKind<State>()({
  kind: 'threshold',
  summary: 'adds or removes replicas while a metric is above or below a threshold',
  options: z.strictObject({
    steps: z
      .array(step)
      .min(1)
      .max(50)
      .default([
        { metric: 'load', above: 0.8, forMs: 0, add: 5 },
        { metric: 'load', below: 0.3, forMs: 0, add: -1 },
      ]),
    cooldownMs: durationMs
      .default(60_000)
      .describe('how long nothing is added or taken away after a change, so that it can take effect'),
  }),
  metrics: ({ steps }) => Object.fromEntries(steps.map(({ metric }) => [metric, metric === 'load' ? LOAD : metric])),
  decide(input, { steps, cooldownMs }) {
    const { replicas, metrics, nowMs, state } = input;
    const sinceMs = steps.map((each, index) => (holds(each, input) ? (state?.sinceMs[index] ?? nowMs) : undefined));
    const firing = steps.filter((each, index) => nowMs - (sinceMs[index] ?? Infinity) >= each.forMs);
    const isCooling = nowMs - (state?.changedAtMs ?? -Infinity) < cooldownMs;
    // Whatever asks for more keeps those that ask for less from taking it away again.
    const floor = Math.max(0, ...firing.map(({ add = 0, atLeast = 0 }) => (add > 0 ? replicas : atLeast)));
    const wishes = firing.flatMap(each => {
      const { add, atLeast = 0, atMost = Infinity } = each;
      if (add !== undefined && isCooling) return [];
      const wanted = Math.max(atLeast, Math.min(atMost, replicas + (add ?? 0)));
      const to = bounded(wanted < replicas ? Math.max(wanted, floor) : wanted, input);
      return to === replicas ? [] : [{ to, reason: textOf(each, metrics[each.metric]!) }];
    });
    const up = wishes.filter(({ to }) => to > replicas);
    const [chosen] = (up.length > 0 ? up : wishes).sort((a, b) => b.to - a.to);
    if (chosen) return { replicas: chosen.to, reason: chosen.reason, state: { sinceMs, changedAtMs: nowMs } };
    const seen = Object.entries(metrics).map(
      ([name, value]) => `${name} ${value === undefined ? 'unknown' : short(value)}`,
    );
    const reason = `${seen.join(', ')}${firing.length > 0 && isCooling ? ', cooling down' : ''}`;
    return { replicas, reason, state: { ...state, sinceMs } };
  },
});

function holds({ metric, above = Infinity, below = -Infinity }: Step, { metrics }: PolicyInput): boolean {
  const value = metrics[metric];
  return value !== undefined && (value > above || value < below);
}

/** `load 0.91 > 0.8: +5`. */
function textOf({ metric, above, below, forMs, add, atLeast, atMost }: Step, value: number): string {
  const limit = above === undefined ? `< ${below}` : `> ${above}`;
  const lasting = forMs > 0 ? ` for ${forMs / 1000} s` : '';
  const change =
    add !== undefined
      ? `${add > 0 ? '+' : ''}${add}`
      : atLeast !== undefined
        ? `at least ${atLeast}`
        : `at most ${atMost}`;
  return `${metric} ${short(value)} ${limit}${lasting}: ${change}`;
}
