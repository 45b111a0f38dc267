import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadPlan } from '../../../harness/plan.ts';
import type { Outcome } from '../../../harness/requests.ts';

/** A request as the server got it. */
export interface Asked {
  /** How many the same dialect got before. */
  readonly order: number;
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** A way in which servers answer a streamed chat completion, and what has to become of it. */
export interface Dialect {
  readonly name: string;
  readonly answer: (response: ServerResponse, asked: Asked) => unknown;
  /** Of every request, or of the first in each `every`; the others are then `ok`. @default ok */
  readonly outcome?: Outcome;
  readonly every?: number;
  readonly status?: number;
  /** Of each request with that outcome. @default 2, or 0 where the outcome is none with tokens */
  readonly tokens?: number;
  /** What the report has to warn of, since it was read over or followed. @default nothing */
  readonly odd?: readonly string[];
  /** Part of the text that the report has to show of the failure. */
  readonly shows?: string;
  /** Whether `p50(itl)` decides nothing, since most tokens arrive together. @default false */
  readonly isBuffered?: boolean;
  readonly plan?: Partial<LoadPlan>;
}

/** An event of a stream. @param before lines in front of its data */
export function event(data: unknown, before = ''): string {
  return `${before}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
}

/** A chunk of a chat completion. @param more further fields of the chunk */
export function chunk(delta: unknown, finish: string | null = null, more: object = {}): string {
  return event({
    id: 'x',
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta, finish_reason: finish }],
    ...more,
  });
}

/** A chunk of text. */
export const text = (content: unknown): string => chunk({ content });
export const ROLE = chunk({ role: 'assistant', content: '' });
export const STOP = chunk({}, 'stop');
export const DONE = event('[DONE]');
/** Two tokens, as OpenAI sends them. */
export const PLAIN: readonly string[] = [ROLE, text('a'), text('b'), STOP, DONE];

/** The counts at the end of a stream. */
export function usage(completionTokens: number, promptTokens = 20): object {
  const total_tokens = promptTokens + completionTokens;
  return { usage: { prompt_tokens: promptTokens, completion_tokens: completionTokens, total_tokens } };
}

/** Between two writes, in ms: long enough for each to be a read of its own. */
const GAP_MS = 4;

/** Answers with these pieces, one by one. */
export async function send(
  response: ServerResponse,
  pieces: readonly (string | Buffer)[],
  headers: Readonly<Record<string, string>> = { 'content-type': 'text/event-stream' },
): Promise<void> {
  response.writeHead(200, headers).flushHeaders();
  for (const piece of pieces) {
    await sleep(GAP_MS);
    response.write(piece);
  }
  response.end();
}

/** Answers as {@link send} does. */
export function says(
  pieces: readonly (string | Buffer)[],
  headers?: Readonly<Record<string, string>>,
): Dialect['answer'] {
  return response => send(response, pieces, headers);
}
