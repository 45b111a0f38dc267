import { z } from 'zod';
import { duration } from '../durations.ts';
import { clientsSchema } from './clients-schema.ts';
import { rate, thinkTime } from './quantities-schema.ts';
import { workloadSchema } from './workload-schema.ts';

const sinusoid = z
  .strictObject({
    mean: rate,
    amplitude: rate.describe('how far it swings from the mean; at most the mean'),
    period: duration().describe('"24h" is a day'),
    phase: z
      .number()
      .min(0)
      .max(1)
      .default(0)
      .describe('share of the period at which it begins: 0 at the mean, rising'),
  })
  .refine(({ mean, amplitude }) => amplitude <= mean, {
    path: ['amplitude'],
    message: 'expected at most the mean, for no rate is negative',
  })
  .describe('a curve like that of a day, in straight pieces of a sixtieth of its period');

/** What a stage can be, by its key; without any it is one of connections, which have no rate. */
export const SHAPES = ['at', 'to', 'spike', 'sinusoid', 'users', 'toUsers'] as const;
/** The keys of {@link SHAPES} for a message. */
export const SHAPE_NAMES: string = SHAPES.map(key => `\`${key}\``).join(', ');

const stage = z
  .strictObject({
    name: z.string().optional().describe('names the window load:<name>; by default the position, from 1'),
    to: rate.optional().describe('ramp linearly from the rate before to this one'),
    at: rate.optional().describe('step to this rate and hold it'),
    spike: rate.optional().describe('a burst at this rate, then back to the rate before'),
    rise: duration().optional().describe('how long a spike takes to rise; by default it is there at once'),
    fall: duration().optional().describe('how long it takes to fall'),
    sinusoid: sinusoid.optional(),
    users: z.int().min(0).optional().describe('in a closed loop: so many users'),
    toUsers: z.int().min(0).optional().describe('in a closed loop: from the users before to so many, one by one'),
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
        kind: z.literal('gamma').describe('in bursts (cv above 1) or more even than chance (below 1)'),
        cv: z.number().min(0.01).max(10).describe('coefficient of variation of the gaps; 1 is poisson'),
      }),
      z.strictObject({
        kind: z.literal('closed').describe('users who wait for their answer and think before they ask again'),
        thinkTime: thinkTime.prefault(['0.5s', '2s']),
      }),
    ]),
  ])
  .describe('when requests come; "trace" replays `trace`, "closed" is users who think for 0.5 to 2 s');

// A trace may span months: what is waited for is the replay.
const span = duration(z.number());

const trace = z.strictObject({
  file: z
    .string()
    .min(1)
    .describe("CSV with a header, or one JSON object a line; relative to the scenario file's folder"),
  columns: z
    .strictObject({ time: z.string(), promptTokens: z.string(), outputTokens: z.string() })
    .partial()
    .optional()
    .describe("names of the columns; by default Azure's for CSV, Mooncake's for JSON"),
  timeUnit: z.enum(['ms', 's']).optional().describe('of times that are numbers; by default s in CSV, ms in JSON'),
  speed: z.number().positive().max(10_000).default(1).describe('2 replays it twice as fast'),
  from: span.prefault('0s').describe("cut, in the trace's own time from its first row on"),
  for: span.optional().describe("length of the cut, in the trace's own time"),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits')
    .optional()
    .describe('of the file that is meant; another one is refused'),
});

/** Everything that the `load` section of a scenario says beside the engine. */
export const loadShape = {
  arrivals: arrivals.default('poisson'),
  warmUp: duration()
    .refine(ms => ms > 0, {
      message: 'expected a duration greater than 0, for no steady state can be seen without one',
    })
    .prefault('3s')
    .describe("load before the start, at the first stage's rate; not measured"),
  stages: z.array(stage).min(1).optional().describe('needed, but for a replayed trace, which has its own'),
  trace: trace.optional().describe('what `arrivals: trace` replays, and lengths of `kind: trace` are taken from'),
  workload: workloadSchema.optional().describe('by default chat-short, or the lengths of the trace that is replayed'),
  clients: clientsSchema.optional().describe('how clients behave beyond sending one request'),
  model: z.string().min(1).optional().describe('model that requests ask for; by default the one that the stack serves'),
  connections: z.int().min(1).max(1000).optional().describe('of the closed loop of engine autocannon'),
  maxInFlight: z.int().min(1).max(10_000).default(1000).describe('an arrival beyond it is dropped, and recorded so'),
  keepAlive: z.boolean().default(true).describe('false: a new connection for each request, as new clients open'),
  connectTimeout: duration().prefault('2s'),
  idleTimeout: duration().prefault('15s').describe('longest wait for the next byte'),
};

const loadSchema = z.strictObject(loadShape);

/** The `load` section with its defaults filled in, but for the engine. */
export type ResolvedLoad = z.output<typeof loadSchema>;

/** One stage; rates per second, durations in ms. */
export type ResolvedStage = z.output<typeof stage>;
