import { z } from 'zod';
import { ENGINE_NAMES } from '../../load/engines.ts';
import { duration } from '../durations.ts';
import { clientsSchema } from './clients-schema.ts';
import { rate, sha256, thinkTime } from './quantities-schema.ts';
import { headers, path, workloadSchema } from './workload-schema.ts';

const sinusoid = z
  .strictObject({
    mean: rate,
    amplitude: rate.describe('maximum deviation from the mean; at most the mean'),
    period: duration(),
    phase: z
      .number()
      .min(0)
      .max(1)
      .default(0)
      .describe('start, as a ratio of the period; 0 starts at the mean, rising'),
  })
  .refine(({ mean, amplitude }) => amplitude <= mean, {
    path: ['amplitude'],
    message: 'expected at most the mean, since rates cannot be negative',
  })
  .describe('a sine curve, such as that of a day, approximated by 60 linear ramps per period');

/** The keys that give a stage its rate or its users; a stage of connections has none of them. */
export const SHAPES = ['at', 'to', 'spike', 'sinusoid', 'users', 'toUsers'] as const;
/** {@link SHAPES} for a message. */
export const SHAPE_NAMES: string = SHAPES.map(key => `\`${key}\``).join(', ');

const stage = z
  .strictObject({
    name: z.string().max(200).optional().describe('name of the window load:<name>; by default the position, from 1'),
    to: rate.optional().describe('linear ramp from the previous rate to this one'),
    at: rate.optional().describe('constant rate'),
    spike: rate.optional().describe('burst at this rate, then back to the previous rate'),
    rise: duration().optional().describe('duration of the rise of a spike; by default 0'),
    fall: duration().optional().describe('duration of the fall of a spike; by default 0'),
    sinusoid: sinusoid.optional(),
    users: z.int().min(0).optional().describe('closed loop: constant number of users'),
    toUsers: z
      .int()
      .min(0)
      .optional()
      .describe('closed loop: linear ramp from the previous number of users to this one'),
    for: duration().refine(ms => ms > 0, { message: 'expected a duration greater than 0' }),
  })
  .refine(shape => SHAPES.filter(key => shape[key] !== undefined).length <= 1, {
    message: `expected one of ${SHAPE_NAMES}, and only one`,
  })
  .refine(({ spike, rise, fall }) => spike !== undefined || (rise === undefined && fall === undefined), {
    message: 'expected `rise` and `fall` with a `spike` only',
  })
  .refine(({ rise = 0, fall = 0, for: lasts }) => rise + fall <= lasts, {
    path: ['for'],
    message: 'expected at least as long as `rise` and `fall` together',
  });

const arrivals = z
  .union([
    z.enum(['constant', 'poisson', 'trace', 'closed']),
    z.discriminatedUnion('kind', [
      z.strictObject({
        kind: z.literal('gamma').describe('bursty (cv above 1) or more regular than Poisson (below 1)'),
        cv: z.number().min(0.01).max(10).describe('coefficient of variation of the gaps; 1 is Poisson'),
      }),
      z.strictObject({
        kind: z.literal('closed').describe('users who wait for the response, then think before the next request'),
        thinkTime: thinkTime.prefault(['0.5s', '2s']),
      }),
    ]),
  ])
  .describe('arrival process; "trace" replays `trace`, "closed" is users with a think time of 0.5 to 2 s');

// A trace may span months; only its replay has to fit a timer.
const span = duration(z.number());

const trace = z.strictObject({
  file: z.string().min(1).describe("CSV with a header, or JSON lines; relative to the scenario file's folder"),
  columns: z
    .strictObject({ time: z.string(), promptTokens: z.string(), outputTokens: z.string() })
    .partial()
    .optional()
    .describe("column names; by default Azure's for CSV, Mooncake's for JSON"),
  timeUnit: z.enum(['ms', 's']).optional().describe('unit of numeric times; by default s in CSV, ms in JSON'),
  speed: z.number().positive().max(10_000).default(1).describe('2 replays the trace twice as fast'),
  from: span
    .prefault('0s')
    .describe("start of the replayed part, as an offset from the first row in the trace's own time"),
  for: span.optional().describe("duration of the replayed part in the trace's own time; by default up to the last row"),
  spread: z
    .literal('within-second')
    .optional()
    .describe('for times in whole seconds: rows of a second arrive at random instants in it instead of all at once'),
  sha256: sha256.optional().describe('expected hash of the file; any other content is an error'),
});

/** The `load` section of a scenario. Unknown keys are errors. */
export const loadSchema = z.strictObject({
  engine: z
    .enum(ENGINE_NAMES)
    .default('stream')
    .describe('load generator; "auto" is k6 for plain HTTP above 5000/s if k6 supports the load, otherwise stream'),
  arrivals: arrivals.default('poisson'),
  warmUp: duration()
    .refine(ms => ms > 0, {
      message: 'expected a duration greater than 0, since every run has a warm-up',
    })
    .prefault('3s')
    .describe("load before the load phase, at the first stage's rate; not measured"),
  stages: z.array(stage).min(1).max(1000).optional().describe('required unless `arrivals` is `trace`'),
  trace: trace.optional().describe('recorded trace, for `arrivals: trace` and for lengths of `kind: trace`'),
  workload: workloadSchema.optional().describe('by default chat-short, or the lengths of the replayed trace'),
  clients: clientsSchema.optional().describe('connections, retries, timeouts and classes of clients'),
  model: z.string().min(1).optional().describe('model of the requests; by default the one that the stack serves'),
  path: path
    .optional()
    .describe(
      "path and query of requests with prompts, appended to the target's; by default that of the API below /v1",
    ),
  headers: headers.optional().describe("headers of every request; they override Squall's own"),
  body: z
    .record(z.string(), z.unknown())
    .optional()
    .describe(
      'merged into the JSON body of every request with a prompt: objects key by key, null removes a key, "$outputTokens" is the length of the answer',
    ),
  connections: z.int().min(1).max(1000).optional().describe('number of connections, only with engine autocannon'),
  maxInFlight: z
    .int()
    .min(1)
    .max(10_000)
    .default(1000)
    .describe('maximum number of requests in flight; further arrivals are recorded as dropped'),
  upstreamHeader: z
    .string()
    .regex(/^[!#$%&'*+.^`|~\w-]+$/, 'expected the name of a header')
    .transform(name => name.toLowerCase())
    .optional()
    .describe('header of responses that names the upstream that served one; by default those of well-known products'),
  connectTimeout: duration().prefault('2s'),
  firstTokenTimeout: duration().prefault('30s').describe('maximum wait for the first token, from sending'),
  idleTimeout: duration().prefault('15s').describe('maximum wait for the next token; of plain HTTP, for the next byte'),
  streamOptions: z
    .boolean()
    .default(true)
    .describe('false: streams do not ask for usage, as also after a server has rejected `stream_options`'),
});

/** The `load` section with its defaults filled in. */
export type ResolvedLoad = z.output<typeof loadSchema>;

/** One stage; rates per second, durations in ms. */
export type ResolvedStage = z.output<typeof stage>;
