import type { ServerResponse } from 'node:http';

/** Bytes that may wait for a client that does not read; over this its request is cancelled. */
export const MAX_UNREAD_BYTES = 1 << 20;

/** Why an answer ended: at the length asked for, or by itself. */
export type FinishReason = 'length' | 'stop';

/** What an answer is labelled with. */
export interface AnswerHead {
  readonly kind: 'chat' | 'text';
  readonly id: string;
  readonly model: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly promptTokens: number;
  readonly includeUsage: boolean;
  /** See `CompletionRequest`; streams have none. */
  readonly promptLogprobs: number | undefined;
}

/** Receives the words of an answer as they are generated. */
export interface Answer {
  word(word: string, index: number): void;
  end(reason: FinishReason, outputTokens: number): void;
}

/** The part of a response that an answer writes to. */
export type AnswerTarget = Pick<ServerResponse, 'write' | 'end' | 'destroy' | 'destroyed' | 'writableLength'>;

/**
 * An answer as server-sent events, one write per token. What is the same in every event is serialised once, here.
 * A client that leaves more than {@link MAX_UNREAD_BYTES} unread is dropped.
 */
export function streamedAnswer(target: AnswerTarget, head: AnswerHead): Answer {
  const { kind, id, model, created } = head;
  const object = kind === 'chat' ? 'chat.completion.chunk' : 'text_completion';
  const label = JSON.stringify({ id, object, created, model }).slice(0, -1);
  const open = `data: ${label},"choices":[{"index":0,`;
  const [first, next, close] =
    kind === 'chat'
      ? [`${open}"delta":{"role":"assistant","content":"`, `${open}"delta":{"content":"`, '"},']
      : [`${open}"text":"`, `${open}"text":"`, '",'];
  const suffix = `${close}"logprobs":null,"finish_reason":null}]}\n\n`;
  const nothing = kind === 'chat' ? '"delta":{},' : '"text":"",';
  return {
    word: (word, index) => {
      if (target.destroyed) return;
      target.write((index === 0 ? first : next) + word + suffix);
      if (target.writableLength > MAX_UNREAD_BYTES) target.destroy();
    },
    end: (reason, outputTokens) => {
      if (target.destroyed) return;
      const final = `${open}${nothing}"logprobs":null,"finish_reason":"${reason}"}]}\n\n`;
      const usage = `data: ${label},"choices":[],"usage":${JSON.stringify(usageOf(head, outputTokens))}}\n\n`;
      target.end(`${final}${head.includeUsage ? usage : ''}data: [DONE]\n\n`);
    },
  };
}

/** An answer as one JSON document. `send` receives it once it is complete. */
export function wholeAnswer(send: (json: string) => void, head: AnswerHead): Answer {
  let text = '';
  return {
    word: word => {
      text += word;
    },
    end: (reason, outputTokens) => {
      const { kind, id, model, created, promptLogprobs, promptTokens } = head;
      const said = kind === 'chat' ? { message: { role: 'assistant', content: text } } : { text };
      const choice = { index: 0, ...said, logprobs: null, finish_reason: reason };
      const object = kind === 'chat' ? 'chat.completion' : 'text_completion';
      const rest = JSON.stringify({ choices: [choice], usage: usageOf(head, outputTokens) }).slice(1);
      const logprobs =
        promptLogprobs === undefined ? '' : `"prompt_logprobs":${logprobsText(promptLogprobs, promptTokens)},`;
      send(`${JSON.stringify({ id, object, created, model }).slice(0, -1)},${logprobs}${rest}`);
    },
  };
}

/**
 * vLLM's `prompt_logprobs`: for each token but the first what else it could have been, which makes an answer some hundred times as
 * long as its prompt. There is no model, so they are the same everywhere. Chat has them where vLLM does; so have texts, whose are elsewhere
 * (in the choice) there.
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

function usageOf({ promptTokens }: AnswerHead, outputTokens: number) {
  return { prompt_tokens: promptTokens, completion_tokens: outputTokens, total_tokens: promptTokens + outputTokens };
}
