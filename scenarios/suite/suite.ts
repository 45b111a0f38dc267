import { z } from 'zod';
import type { PlatformKind } from '../../harness/plan.ts';
import { DEFAULT_SEED } from '../../harness/random.ts';
import { duration } from '../durations.ts';
import { MAX_SEEDS } from '../scenario.ts';
import { type FileKind, validateFile } from '../validate.ts';

/** Platforms of suites: where Squall starts the stack itself. */
export const SUITE_PLATFORMS = ['virtual', 'process', 'docker'] as const;
/** One of {@link SUITE_PLATFORMS}. */
export type SuitePlatform = (typeof SUITE_PLATFORMS)[number];
/** Where a suite can run: on its platforms, or against a target that Squall did not start. */
export const SUITE_PLACES = [...SUITE_PLATFORMS, 'external'] as const satisfies readonly PlatformKind[];

const MAX_SCENARIOS = 1000;
const MAX_REPEATS = 100;
const MAX_SEED = 0xffffffff;

const selectors = () => z.array(z.string().min(1).max(1000)).max(MAX_SCENARIOS);
const differ = (list: readonly unknown[]) => new Set(list).size === list.length;

/** The schema of a suite, printed as JSON Schema by `squall schema --suite`. Unknown keys are errors. */
export const suiteSchema = z.strictObject({
  name: z
    .string()
    .max(64, 'expected at most 64 characters')
    .regex(/^[a-z0-9][a-z0-9-]*$/, 'expected lower-case letters, digits and dashes'),
  why: z.string().min(1).max(10_000).describe('what the suite is for'),
  scenarios: selectors()
    .min(1)
    .describe(
      'scenarios of the catalogue by name, by a pattern such as "slow-*" or "*", or by tag such as "tag:attacks"; and paths of files, relative to this one',
    ),
  except: selectors().default([]).describe('scenarios to leave out of them, written likewise'),
  platforms: z
    .array(z.enum(SUITE_PLATFORMS))
    .min(1)
    .refine(differ, 'expected each platform once')
    .default(['virtual'])
    .describe('where each scenario runs; where it cannot, that is listed with the reason'),
  seeds: z
    .union([
      z.int().min(1).max(MAX_SEEDS),
      z.array(z.int().min(0).max(MAX_SEED)).min(1).max(MAX_SEEDS).refine(differ, 'expected each seed once'),
    ])
    .transform(seeds =>
      typeof seeds === 'number' ? Array.from({ length: seeds }, (_, index) => DEFAULT_SEED + index) : seeds,
    )
    .prefault(1)
    .describe(`the seeds, or how many from ${DEFAULT_SEED} on`),
  repeats: z
    .int()
    .min(1)
    .max(MAX_REPEATS)
    .default(1)
    .describe('runs with each seed in real time; in virtual time a seed always gives the same run'),
  set: z
    .record(z.string(), z.unknown())
    .default({})
    .describe('overrides of values in every scenario by path, such as stack.gateway.retries: 0'),
  prove: z
    .union([z.boolean(), z.literal('once')])
    .default(false)
    .describe(
      'after a run that passes, run each proof of the scenario, as `squall prove` does; "once": on the first of the platforms where the scenario can run, and with one seed',
    ),
  budget: duration().optional().describe('begin no run after this time'),
});

/** A suite as written in a file. */
export type Suite = z.input<typeof suiteSchema>;
/** A suite with every default filled in; `budget` in ms. */
export type ResolvedSuite = z.output<typeof suiteSchema>;

/** Gives a suite in TypeScript its type. */
export function suite(definition: Suite): Suite {
  return definition;
}

const SUITE: FileKind<ResolvedSuite> = {
  schema: suiteSchema,
  noun: 'a suite',
  code: 'BAD_SUITE',
  next: 'Correct the file; `squall schema --suite` prints its JSON Schema, which editors can check it against.',
};

/**
 * Checks a suite against its schema and fills in its defaults.
 * @param source name or path, for the message
 * @throws SquallError `BAD_SUITE`, whose message names every field with what was expected and what was found
 */
export function validateSuite(raw: unknown, source: string): ResolvedSuite {
  return validateFile(SUITE, raw, source);
}
