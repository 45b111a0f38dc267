import { z } from 'zod';
import { redisUrlSchema } from '../../service-config.ts';

const windowMs = z.number().min(100).max(2_592_000_000);
const versionName = z.string().regex(/^[\w.-]{1,64}$/, 'must be 1 to 64 letters, digits, dots, dashes and underscores');

/** Label of an upstream. */
export const versionLabel = versionName.optional();

/**
 * Windows of a burn rate. The defaults are those for pages of Google's "The Site Reliability Workbook" (2018), chapter 5, "6: Multiwindow, Multi-Burn-Rate
 * Alerts", table 5-8: 2 % of a budget of 30 days in an hour, and 5 % of it in six; the short one, a twelfth, ends the alarm once nothing burns any more.
 */
const burnSchema = z
  .strictObject({ longMs: windowMs, shortMs: windowMs, burnRate: z.number().min(1).max(1000) })
  .refine(({ longMs, shortMs }) => shortMs < longMs, {
    path: ['shortMs'],
    message: 'must be shorter than the long window',
  });

const ratio = z.number().positive().max(1);

/**
 * When a version is rolled back by itself, see `burn.ts`: a ratio of failed requests, or of first tokens later than `targetMs`, that burns the budget
 * `maxErrorRatio`, or `maxSlowRatio`, at one of `burnRates` in both windows, after at least `minRequests` in the long one.
 */
const rollbackSchema = z
  .strictObject({
    maxErrorRatio: ratio.default(0.01),
    ttft: z
      .union([
        z.literal('off'),
        z.strictObject({ targetMs: z.number().positive().max(3_600_000), maxSlowRatio: ratio.default(0.05) }),
      ])
      .default('off'),
    burnRates: z
      .array(burnSchema)
      .min(1)
      .max(4)
      .default([
        { longMs: 3_600_000, shortMs: 300_000, burnRate: 14.4 },
        { longMs: 21_600_000, shortMs: 1_800_000, burnRate: 6 },
      ]),
    minRequests: z.int().min(1).max(1_000_000).default(50),
  })
  .superRefine(({ maxErrorRatio, ttft, burnRates }, { addIssue }) => {
    // More than all requests cannot be bad.
    const least = Math.min(...burnRates.map(({ burnRate }) => burnRate));
    const check = (path: string[], budget: number) => {
      const message = `must be at most ${Math.floor(1e4 / least) / 1e4}, or a burn rate of ${least} cannot occur`;
      if (budget * least > 1) addIssue({ code: 'custom', path, message });
    };
    check(['maxErrorRatio'], maxErrorRatio);
    if (ttft !== 'off') check(['ttft', 'maxSlowRatio'], ttft.maxSlowRatio);
  });

/** What gets the requests of a model: versions by the labels of upstreams, with weights; one is the primary, which traffic is rolled back to. */
const routeFields = {
  versions: z
    .array(z.strictObject({ name: versionName, weight: z.number().min(0).max(1_000_000).default(0) }))
    .min(1)
    .max(16),
  /** @default the first version */
  primary: versionName.optional(),
};

interface Versions {
  readonly versions: readonly { readonly name: string; readonly weight: number }[];
  readonly primary?: string | undefined;
}

function checkVersions(
  { versions, primary }: Versions,
  { addIssue }: { addIssue(issue: { code: 'custom'; path: (string | number)[]; message: string }): void },
): void {
  const names = versions.map(({ name }) => name);
  const twice = names.findIndex((name, at) => names.indexOf(name) < at);
  if (twice > 0) addIssue({ code: 'custom', path: ['versions', twice, 'name'], message: 'must not occur twice' });
  if (primary !== undefined && !names.includes(primary))
    addIssue({ code: 'custom', path: ['primary'], message: `must be one of the versions ${names.join(', ')}` });
  if (versions.every(({ weight }) => weight === 0))
    addIssue({ code: 'custom', path: ['versions'], message: 'must have a weight above 0' });
}

const common = {
  /**
   * `by-key`: requests of an API key get the same version as long as its weight stays; `off`, and requests without a key: each one is drawn.
   */
  sticky: z.enum(['by-key', 'off']).default('by-key'),
  rollback: z.union([z.literal('off'), rollbackSchema]).prefault({}),
  /** Interval between looks for decisions of other gateways. */
  pollMs: z.number().min(10).max(700).default(200),
};

/** Release by versions of models, see `release.ts`. Without `redis` each gateway decides for itself. */
export const releaseSchema = z.strictObject({
  routes: z
    .array(z.strictObject({ model: z.string().min(1), ...routeFields }).superRefine(checkVersions))
    .min(1)
    .max(64)
    .refine(routes => new Set(routes.map(({ model }) => model)).size === routes.length, 'must have different models'),
  ...common,
  redis: z
    .strictObject({
      url: redisUrlSchema,
      keyPrefix: z.string().max(64).default('squall:release:'),
    })
    .optional(),
});

/** The same for a stack, which serves one model and has one Redis. */
export const stackReleaseSchema = z.strictObject({ ...routeFields, ...common }).superRefine(checkVersions);

/** Settings of releases with every default filled in. */
export type ReleaseConfig = z.output<typeof releaseSchema>;
/** Settings of the automatic rollback. */
export type RollbackOptions = Exclude<ReleaseConfig['rollback'], 'off'>;
