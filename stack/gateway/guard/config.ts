import { z } from 'zod';
import { SECRET_KINDS } from './secrets.ts';

const off = z.literal('off');

/**
 * Header of every response with output that marks it as generated, for those who store or pass it on. The name begins with `x-`, so that
 * it can replace none that HTTP or the gateway needs.
 */
const watermarkSchema = z.strictObject({
  header: z
    .string()
    .regex(/^x-[a-z0-9-]{1,62}$/, 'must begin with x-, in lower-case letters, digits and dashes')
    .refine(name => name !== 'x-request-id' && !name.startsWith('x-squall-'), 'is a header of the gateway itself')
    .default('x-ai-generated'),
  value: z
    .string()
    .regex(/^[!-~](?:[ -~]{0,254}[!-~])?$/, 'must be 1 to 256 printable ASCII characters')
    .default('true'),
});

/**
 * What requests may contain, how long they may compute, and what responses must not contain.
 *
 * - `maxPromptCharacters`: Unicode code points of the whole prompt, see `prompt.ts`.
 * - `controlCharacters`: whether prompts may hold control characters other than tab and line ends, or halves of characters.
 * - `maxTokens`: maximum of `max_tokens` × `n`. A chat request without `max_tokens` gets it.
 * - `computeMs`: maximum time from the first output to the end, or, where the response is not streamed, from the request to the
 *   upstream to its response.
 * - `redact`: what is replaced in responses; empty: nothing.
 * - `maxRedactedBytes`: maximum size of an unstreamed response, which is redacted as a whole, and of an event of a stream.
 */
export const guardSchema = z.strictObject({
  maxPromptCharacters: z.union([off, z.int().min(1)]).default(1024),
  controlCharacters: z.enum(['reject', 'pass']).default('reject'),
  maxTokens: z.union([off, z.int().min(1)]).default(4096),
  computeMs: z.union([off, z.number().positive().max(86_400_000)]).default(30_000),
  redact: z
    .array(z.enum(SECRET_KINDS))
    .refine(kinds => new Set(kinds).size === kinds.length, 'must not repeat a kind')
    .default([...SECRET_KINDS]),
  maxRedactedBytes: z.int().min(1).max(1_073_741_824).default(16_777_216),
  watermark: z.union([off, watermarkSchema]).default('off'),
});

/** A guard with every default filled in. */
export type GuardConfig = z.output<typeof guardSchema>;
