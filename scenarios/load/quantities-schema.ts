import { z } from 'zod';
import { DURATION_WORDS, RATE_WORDS } from '../../harness/quantity.ts';

/** Text that `parseDurationMs` reads. */
export const duration = z.string().meta({ title: DURATION_WORDS });

/** Text that `parseRatePerSecond` reads. */
export const rate = z.string().meta({ title: RATE_WORDS });

/** How long a user thinks: always so long, or evenly between two bounds. */
export const thinkTime = z
  .union([duration, z.tuple([duration, duration])])
  .describe('a duration, or [min, max] to draw evenly between');

const tokens = z.int().min(1).max(1_000_000);
const bounds = { min: tokens.default(1), max: tokens.default(131_072) };

/** How long a prompt or an answer is, in tokens. */
export const lengths = z
  .union([
    tokens.describe('a fixed number'),
    z
      .tuple([tokens, tokens])
      .refine(([min, max]) => min <= max, { message: 'expected [min, max] with min ≤ max' })
      .describe('[min, max], evenly between, both included'),
    z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('normal'), mean: z.number().min(1), deviation: z.number().min(0), ...bounds }),
      z.strictObject({ kind: z.literal('lognormal'), median: z.number().min(1), sigma: z.number().min(0), ...bounds }),
      z.strictObject({ kind: z.literal('empirical'), values: z.array(tokens).min(1).max(100_000) }),
      z.strictObject({ kind: z.literal('trace').describe('as in `load.trace`') }),
    ]),
  ])
  .describe('tokens');

/** A time to be drawn. */
export const times = z.union([
  duration,
  z.tuple([duration, duration]),
  z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('normal'), mean: duration, deviation: duration }),
    z.strictObject({ kind: z.literal('lognormal'), median: duration, sigma: z.number().min(0) }),
    z.strictObject({ kind: z.literal('empirical'), values: z.array(duration).min(1).max(100_000) }),
  ]),
]);
