import { z } from 'zod';
import { lengths, sha256, thinkTime, turns } from './quantities-schema.ts';
import { workloads } from './workloads.ts';

const ratio = z.number().min(0).max(1);
/** Path, possibly with a query, of requests. */
export const path = z.string().regex(/^\/[!-~]*$/, 'expected a path that begins with a slash and holds no spaces');

/** Headers by name. Values are not shown in messages; see `compile-headers.ts` for those that are refused. */
export const headers = z.record(
  z.string().regex(/^[\w!#$%&'*+^`|~-]+$/, 'expected a header name'),
  z
    .union([z.string().regex(/^[\t -~]*$/, 'expected printable ASCII'), z.number(), z.boolean()])
    .transform(String)
    .describe('a value; "env:NAME" and "Bearer env:NAME" read it from the environment and keep it out of all files'),
);

const prompts = z.strictObject({
  file: z
    .string()
    .min(1)
    .describe(
      "JSON lines with `prompt` or `messages`, optionally `max_tokens`, or a prompt in each line; relative to the scenario file's folder",
    ),
  sha256: sha256.optional().describe('expected hash of the file; any other content is an error'),
});
const preset = z.enum(Object.keys(workloads) as [string, ...string[]]);

/** The keys of a chat workload. A key that is absent comes from the preset or, in a class, from the load's workload. */
export const chatShape = {
  kind: z.literal('chat').optional(),
  preset: preset.optional().describe('workload that absent keys are taken from'),
  name: z.string().min(1).max(200).optional(),
  api: z
    .enum(['chat', 'completions', 'embeddings'])
    .optional()
    .describe(
      'chat completions (default), text completions or embeddings; `completions` and `embeddings` take no `sessions`',
    ),
  stream: z.boolean().optional().describe('false: whole answers, without a stream of tokens; embeddings have none'),
  prompts: prompts.optional().describe('prompts from a file, drawn by the seed, instead of generated ones'),
  promptTokens: lengths.optional(),
  outputTokens: lengths.optional(),
  sharedPrefix: z
    .strictObject({
      ratio: ratio.describe('ratio of prompts with a shared prefix'),
      tokens: z
        .int()
        .min(1)
        .max(1_000_000)
        .describe('length of the prefix; a shorter prompt has as much of it as fits'),
      variants: z.int().min(1).max(10_000).default(1).describe('number of different prefixes'),
    })
    .optional()
    .describe('prefixes that prompts have in common, such as system prompts'),
  duplicates: z
    .strictObject({
      ratio: ratio.describe('ratio of duplicate requests'),
      distinct: z.int().min(1).max(1_000_000).default(10).describe('number of different requests among the duplicates'),
    })
    .optional()
    .describe('byte-identical requests'),
  sessions: z
    .strictObject({
      turns: turns.describe('number of turns of a conversation'),
      thinkTime: thinkTime.prefault(['0.5s', '2s']).describe('time between a response and the next turn'),
    })
    .transform(own => ({ turns: own.turns, thinkTimeMs: own.thinkTime }))
    .optional()
    .describe('conversations: each turn includes those before it; `arrivals` are then those of conversations'),
};

const http = z.strictObject({
  kind: z.literal('http').describe('plain HTTP requests without a token stream'),
  name: z.string().min(1).max(200).optional(),
  method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']).default('GET'),
  path,
  headers: headers.default({}),
  body: z
    .union([z.string(), z.record(z.string(), z.unknown())])
    .default('')
    .describe('text, or an object sent as JSON'),
  expect: z
    .strictObject({
      status: z
        .union([z.int().min(100).max(599), z.array(z.int().min(100).max(599)).min(1)])
        .optional()
        .describe('by default every 2xx'),
      bodyContains: z.string().min(1).max(65_536).optional(),
      maxBytes: z
        .int()
        .min(0)
        .default(16 * 1024 * 1024),
    })
    .prefault({}),
});

/** The `workload` section of a load. */
export const workloadSchema = z.union([preset, z.discriminatedUnion('kind', [z.strictObject(chatShape), http])]);

/** A parsed `workload` section. */
export type WorkloadInput = z.output<typeof workloadSchema>;

/** A parsed chat workload. */
export type ChatInput = Exclude<WorkloadInput, string | { kind: 'http' }>;

/** A parsed plain-HTTP workload. */
export type HttpInput = z.output<typeof http>;
