import { z } from 'zod';
import { attackOf, LIMITS } from './attack.ts';
import { attackFault } from './attacker/attack-fault.ts';
import { modelShape, openingShape } from './script/opening.ts';
import { jsonRequest, requestHead } from './script/request-text.ts';

const { path } = openingShape({ connections: 1, perSecond: 1, path: '/' });

/**
 * A few clients, thousands of requests each within seconds, every one on a connection of its own. Each client has its own source
 * address where the target is in 127.0.0.0/8, so that limits per address can tell them from everyone else.
 */
export const attack = attackOf({
  kind: 'connection-flood',
  summary: '10 clients send 3,000 requests each within 5 s, every one on a connection of its own.',
  defaultForMs: 5000,
  needsModel: true,
  parameters: z.object({
    path,
    clients: z.int().min(1).max(LIMITS.sources).default(10).describe('clients, each with a source address of its own'),
    requestsPerClient: z.int().min(1).max(LIMITS.perSecond).default(3000).describe('requests of each within withinMs'),
    withinMs: z.number().min(100).max(600_000).default(5000).describe('afterwards it goes on at this rate'),
    connections: z.int().min(1).max(LIMITS.connections).default(10_000).describe('connections at most open at a time'),
    ...modelShape(),
    request: z.enum(['get', 'chat']).default('get').describe('what is asked: GET path, or a short chat completion'),
  }),
  script: (parameters, target) => {
    const { clients, requestsPerClient, withinMs, connections } = parameters;
    const text = parameters.request === 'get' ? get(target, parameters.path) : chat(target);
    return {
      opening: {
        connections,
        perSecond: Math.min(LIMITS.perSecond, (clients * requestsPerClient * 1000) / withinMs),
        total: Number.MAX_SAFE_INTEGER,
        sources: clients,
      },
      read: 'all',
      answers: 1,
      step: (_connection, turn) => (turn === 0 ? { write: text } : {}),
    };
  },
});

function get(target: Parameters<typeof requestHead>[0], path: string): string {
  return `${requestHead(target, 'GET', path, ['Connection: close'])}\r\n`;
}

function chat(target: Parameters<typeof requestHead>[0]): string {
  const body = { model: target.model, messages: [{ role: 'user', content: 'Hello' }], max_tokens: 16 };
  return jsonRequest(target, '/v1/chat/completions', JSON.stringify(body), ['Connection: close']);
}

/** The same in a scenario. */
export const fault = attackFault(attack);
