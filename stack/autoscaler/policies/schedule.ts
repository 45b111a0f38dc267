import { z } from 'zod';
import { isBetween } from '../keda/cron.ts';
import { cronSchema, timeZoneSchema } from '../measure/rule.ts';
import { durationMs, policyKind } from '../policy/policy.ts';
import { bounded, highest, replicasFor, short, type Timed, withValue } from '../policy/window.ts';

const scheduled = z.strictObject({ start: cronSchema, end: cronSchema, replicas: z.int().min(0).max(10_000) });

/** Replicas by the time of day, and as many as the load needs if that is more. */
export const policy = policyKind<readonly Timed[]>()({
  kind: 'schedule',
  summary: 'the time of day, beside the load',
  options: z.strictObject({
    timezone: timeZoneSchema,
    windows: z
      .array(scheduled)
      .min(1)
      .max(50)
      .describe('from a time of `start` to the next of `end`, both in cron’s five fields'),
    leadMs: durationMs.default(0).describe('how much earlier a window begins: the cold start'),
    metric: z.string().min(1).optional().describe('a load, for which there are replicas at any time'),
    target: z.number().positive().default(1).describe('load of one replica'),
    stabilizationMs: durationMs.default(300_000).describe('how long the highest number for the load is kept'),
  }),
  metrics: ({ metric }) => (metric === undefined ? {} : { load: metric }) as Record<string, string>,
  decide(input, { timezone, windows, leadMs, metric, target, stabilizationMs }) {
    const { metrics, nowMs, date, state, replicas } = input;
    const soon = new Date(date.getTime() + leadMs);
    const open = windows.filter(({ start, end }) => [date, soon].some(at => isBetween(start, end, timezone, at)));
    const [window] = open.toSorted((a, b) => b.replicas - a.replicas);
    const times = window ? `${window.replicas} from "${window.start}" to "${window.end}"` : 'no window';
    if (metric === undefined) return { replicas: bounded(window?.replicas ?? 0, input), reason: times };
    const { load } = metrics;
    if (load === undefined)
      return { replicas: Math.max(replicas, bounded(window?.replicas ?? 0, input)), reason: `${times}, load unknown` };
    const needed = withValue(state, replicasFor(load, target), nowMs, stabilizationMs);
    const wanted = Math.max(window?.replicas ?? 0, highest(needed));
    return { replicas: bounded(wanted, input), reason: `${times}, load ${short(load)} / ${target}`, state: needed };
  },
});
