import { z } from 'zod';
import { RATE_WORDS, ratePerSecond } from '../../harness/quantity.ts';
import { duration } from '../durations.ts';

/** A rate such as `20/s`; a number per second in code. */
export const rate = z
  .string()
  .meta({ title: RATE_WORDS })
  .transform((text, context) => {
    const perSecond = ratePerSecond(text);
    if (perSecond !== undefined) return perSecond;
    context.addIssue({ code: 'custom', message: '' });
    return z.NEVER;
  });

/** SHA-256 in hexadecimal. */
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits');

const ORDERED = { message: 'expected [min, max] with min ≤ max' };
const range = z.tuple([duration(), duration()]).refine(([min, max]) => min <= max, ORDERED);

/** A think time, in ms: fixed, or uniform between two bounds. */
export const thinkTime = z
  .union([duration().transform(ms => [ms, ms] as const), range])
  .describe('a duration, or [min, max] for a uniform distribution');

const tokens = z.int().min(1).max(1_000_000);
const fixed = <Value>(value: Value) => ({ kind: 'fixed', value }) as const;
const bounds = { min: tokens.default(1), max: tokens.default(131_072) };
const ordered = (of: { readonly min: number; readonly max: number }) => of.min <= of.max;
const MIN = { path: ['min'], message: 'expected at most `max`' };
const drawn = [
  tokens.describe('a fixed number').transform(fixed),
  z
    .tuple([tokens, tokens])
    .refine(([min, max]) => min <= max, ORDERED)
    .describe('[min, max], uniform, both inclusive'),
] as const;
const distributions = [
  z
    .strictObject({ kind: z.literal('normal'), mean: z.number().min(1), stddev: z.number().min(0), ...bounds })
    .refine(ordered, MIN),
  z
    .strictObject({ kind: z.literal('lognormal'), median: z.number().min(1), sigma: z.number().min(0), ...bounds })
    .refine(ordered, MIN),
  z.strictObject({ kind: z.literal('empirical'), values: z.array(tokens).min(1).max(100_000) }),
] as const;

/** Length of a prompt or a response, in tokens. */
export const lengths = z
  .union([
    ...drawn,
    z.discriminatedUnion('kind', [
      ...distributions,
      z.strictObject({ kind: z.literal('trace').describe('lengths of `load.trace`') }),
    ]),
  ])
  .describe('tokens');

/** Number of turns of a conversation. */
export const turns = z.union([...drawn, z.discriminatedUnion('kind', distributions)]);

/** Bounds of drawn times, in ms. */
const TIME_BOUNDS = { min: 0, max: 3_600_000 } as const;

/** A distribution of times, in ms. */
export const times = z.union([
  duration().transform(fixed),
  range,
  z.discriminatedUnion('kind', [
    z
      .strictObject({ kind: z.literal('normal'), mean: duration(), stddev: duration() })
      .transform(own => ({ ...own, ...TIME_BOUNDS })),
    z
      .strictObject({ kind: z.literal('lognormal'), median: duration(), sigma: z.number().min(0) })
      .transform(own => ({ ...own, ...TIME_BOUNDS })),
    z.strictObject({ kind: z.literal('empirical'), values: z.array(duration()).min(1).max(100_000) }),
  ]),
]);
