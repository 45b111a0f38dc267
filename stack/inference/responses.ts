import type { ServerResponse } from 'node:http';
import { writePiece } from '../chunked-body.ts';

/** Maximum bytes buffered for a client that does not read. Beyond it, the request is cancelled. */
export const MAX_UNREAD_BYTES = 1 << 20;

/** Why a completion ended: at the requested length, or by itself. */
type FinishReason = 'length' | 'stop';

/** Metadata of a completion response. */
export interface ResponseHead {
  readonly kind: 'chat' | 'text';
  readonly id: string;
  readonly model: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly promptTokens: number;
  readonly includeUsage: boolean;
  /** Whether every event has the usage so far, too. */
  readonly continuousUsage: boolean;
  /** See `CompletionRequest`. Not available in streams. */
  readonly promptLogprobs: number | undefined;
}

/** Receives the words of a completion as they are generated. */
export interface ResponseWriter {
  word(word: string, index: number): void;
  end(reason: FinishReason, outputTokens: number): void;
}

/** Members of a server response that writers use. */
export type ResponseTarget = Pick<
  ServerResponse,
  'write' | 'chunkedEncoding' | 'end' | 'destroy' | 'destroyed' | 'writableLength'
>;

/**
 * Writes a completion as server-sent events, one per token. The constant parts of events are serialized once. A client with more
 * than {@link MAX_UNREAD_BYTES} unread is disconnected.
 */
export function streamedResponse(target: ResponseTarget, head: ResponseHead): ResponseWriter {
  const { kind, id, model, created } = head;
  const object = kind === 'chat' ? 'chat.completion.chunk' : 'text_completion';
  const label = JSON.stringify({ id, object, created, model }).slice(0, -1);
  const open = `data: ${label},"choices":[{"index":0,`;
  const [first, next, close] =
    kind === 'chat'
      ? [`${open}"delta":{"role":"assistant","content":"`, `${open}"delta":{"content":"`, '"},']
      : [`${open}"text":"`, `${open}"text":"`, '",'];
  const suffix = `${close}"logprobs":null,"finish_reason":null}]`;
  const plainEnd = '}\n\n';
  const endOf = (outputTokens: number) =>
    head.continuousUsage ? `,"usage":${JSON.stringify(usageOf(head, outputTokens))}${plainEnd}` : plainEnd;
  const empty = kind === 'chat' ? '"delta":{},' : '"text":"",';
  return {
    word: (word, index) => {
      if (target.destroyed) return;
      writePiece(target, (index === 0 ? first : next) + word + suffix + endOf(index + 1));
      if (target.writableLength > MAX_UNREAD_BYTES) target.destroy();
    },
    end: (reason, outputTokens) => {
      if (target.destroyed) return;
      const final = `${open}${empty}"logprobs":null,"finish_reason":"${reason}"}]${endOf(outputTokens)}`;
      const usage = `data: ${label},"choices":[],"usage":${JSON.stringify(usageOf(head, outputTokens))}}\n\n`;
      target.end(`${final}${head.includeUsage ? usage : ''}data: [DONE]\n\n`);
    },
  };
}

/** Builds a completion as one JSON document, which is passed to `send` once complete. */
export function unstreamedResponse(send: (json: string) => void, head: ResponseHead): ResponseWriter {
  let text = '';
  return {
    word: word => {
      text += word;
    },
    end: (reason, outputTokens) => {
      const { kind, id, model, created, promptLogprobs, promptTokens } = head;
      const content = kind === 'chat' ? { message: { role: 'assistant', content: text } } : { text };
      const choice = { index: 0, ...content, logprobs: null, finish_reason: reason };
      const object = kind === 'chat' ? 'chat.completion' : 'text_completion';
      const rest = JSON.stringify({ choices: [choice], usage: usageOf(head, outputTokens) }).slice(1);
      const logprobs =
        promptLogprobs === undefined ? '' : `"prompt_logprobs":${logprobsText(promptLogprobs, promptTokens)},`;
      send(`${JSON.stringify({ id, object, created, model }).slice(0, -1)},${logprobs}${rest}`);
    },
  };
}

/**
 * vLLM's `prompt_logprobs`: alternatives for each token but the first, which make a response about a hundred times as long as its
 * prompt. Without a model they are constant. In text completions vLLM puts them into the choice instead of the top level.
 */
function logprobsText(alternatives: number, promptTokens: number): string {
  const one = Object.fromEntries(
    Array.from({ length: alternatives + 1 }, (_, rank) => [
      String(10_000 + rank),
      { logprob: -0.859375 - rank, rank: rank + 1, decoded_token: ' word' },
    ]),
  );
  return `[null${`,${JSON.stringify(one)}`.repeat(promptTokens - 1)}]`;
}

function usageOf({ promptTokens }: ResponseHead, outputTokens: number) {
  return { prompt_tokens: promptTokens, completion_tokens: outputTokens, total_tokens: promptTokens + outputTokens };
}
