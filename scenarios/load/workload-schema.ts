import { z } from 'zod';
import { lengths, thinkTime, turns } from './quantities-schema.ts';
import { workloads } from './workloads.ts';

const ratio = z.number().min(0).max(1);
const preset = z.enum(Object.keys(workloads) as [string, ...string[]]);

/** The keys of a chat workload; each may come from its preset, or from the workload that a class changes. */
export const chatShape = {
  kind: z.literal('chat').optional(),
  preset: preset.optional().describe('what the keys that are not given are taken from'),
  name: z.string().min(1).optional(),
  promptTokens: lengths.optional(),
  outputTokens: lengths.optional(),
  sharedPrefix: z
    .strictObject({
      ratio: ratio.describe('of the prompts'),
      tokens: z.int().min(1).max(1_000_000).describe('that they have in common, as far as the prompt is that long'),
      variants: z.int().min(1).max(10_000).default(1).describe('different beginnings'),
    })
    .optional()
    .describe('prompts that begin alike, as system prompts and documents do'),
  duplicates: z
    .strictObject({
      ratio: ratio.describe('of the requests'),
      distinct: z.int().min(1).max(1_000_000).default(10).describe('different requests among them'),
    })
    .optional()
    .describe('requests that are equal to the byte'),
  sessions: z
    .strictObject({
      turns: turns.describe('questions of one conversation'),
      thinkTime: thinkTime.prefault(['0.5s', '2s']).describe('between an answer and the next question'),
    })
    .transform(own => ({ turns: own.turns, thinkTimeMs: own.thinkTime }))
    .optional()
    .describe('conversations: each turn carries those before it; arrivals are then those of conversations'),
};

const http = z.strictObject({
  kind: z.literal('http').describe('plain HTTP requests, without a token stream'),
  name: z.string().min(1).optional(),
  method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']).default('GET'),
  path: z.string().regex(/^\/[!-~]*$/, 'expected a path that begins with a slash and holds no spaces'),
  headers: z
    .record(
      z.string().regex(/^[\w!#$%&'*+.^`|~-]+$/, 'expected a header name'),
      z.string().regex(/^[\t -~]*$/, 'expected printable ASCII'),
    )
    .default({}),
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

/** The `workload` of a load. */
export const workloadSchema = z.union([preset, z.discriminatedUnion('kind', [z.strictObject(chatShape), http])]);

/** A workload as it was written. */
export type WorkloadInput = z.output<typeof workloadSchema>;

/** A chat workload as it was written. */
export type ChatInput = Exclude<WorkloadInput, string | { kind: 'http' }>;

/** A plain workload as it was written. */
export type HttpInput = z.output<typeof http>;
