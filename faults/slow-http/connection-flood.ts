import { z } from 'zod';
import { attackOf, LIMITS, type RequestTarget } from './attack.ts';
import { modelShape, openingShape } from './script/opening.ts';
import { jsonRequest, requestHead } from './script/request-text.ts';

const { path } = openingShape({ connections: 1, perSecond: 1, path: '/' });

/**
 * A few clients send thousands of requests each within seconds, every one on a new connection. Each client has its own source address where
 * the target is in 127.0.0.0/8, so that per-address limits can tell it from the other clients.
 */
export const attack = attackOf({
  kind: 'connection-flood',
  summary: '10 clients send 3,000 requests each within 5 s, every one on a new connection.',
  defaultForMs: 5000,
  needsModel: true,
  parameters: z.object({
    path,
    clients: z.int().min(1).max(LIMITS.sources).default(10).describe('number of clients, each with its own address'),
    requestsPerClient: z.int().min(1).max(LIMITS.perSecond).default(3000).describe('requests per client in withinMs'),
    withinMs: z.number().min(100).max(600_000).default(5000).describe('period of the rate, which stays constant'),
    connections: z.int().min(1).max(LIMITS.connections).default(10_000).describe('maximum of open connections'),
    ...modelShape,
    request: z.enum(['get', 'chat']).default('get').describe('GET path, or a short chat completion'),
  }),
  script: (parameters, target) => {
    const { clients, requestsPerClient, withinMs, connections } = parameters;
    const text = parameters.request === 'get' ? get(target, parameters.path) : chat(target);
    const perSecond = Math.min(LIMITS.perSecond, (clients * requestsPerClient * 1000) / withinMs);
    return {
      opening: { connections, perSecond, sources: clients },
      responses: 1,
      step: (_connection, turn) => (turn === 0 ? { write: text } : {}),
    };
  },
});

function get(target: RequestTarget, path: string): string {
  return `${requestHead(target, 'GET', path, ['Connection: close'])}\r\n`;
}

function chat(target: RequestTarget): string {
  const body = { model: target.model, messages: [{ role: 'user', content: 'Hello' }], max_tokens: 16 };
  return jsonRequest(target, '/v1/chat/completions', JSON.stringify(body), ['Connection: close']);
}
