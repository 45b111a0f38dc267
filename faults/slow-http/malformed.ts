import { z } from 'zod';
import { attackOf } from './attack.ts';
import { malformedShapes, shapeViolation } from './script/malformed-shapes.ts';
import { openingShape } from './script/opening.ts';

/**
 * Requests that no legitimate client sends, cycling through the shapes of `script/malformed-shapes.ts`. A correct server responds to each
 * with a 4xx or closes the connection. It never responds with a 5xx, never hangs, and never responds to one request twice: the second
 * response would be that of a request smuggled past a proxy.
 */
export const attack = attackOf({
  kind: 'malformed',
  summary: 'Sends broken JSON, wrong lengths, smuggling shapes and other requests that a server must reject.',
  defaultForMs: 10_000,
  parameters: z.object({
    ...openingShape({ connections: 200, perSecond: 50, path: '/v1/chat/completions' }),
    shapes: z
      .enum(['all', 'http', 'json'])
      .default('all')
      .describe('http: broken messages, for any server; json: well-framed bodies that a JSON API must reject'),
    hangMs: z.number().min(100).max(60_000).default(5000).describe('time without a response or close that is a hang'),
  }),
  script: (parameters, target) => {
    const shapes = malformedShapes(target, parameters.path).filter(
      shape => parameters.shapes === 'all' || shape.group === parameters.shapes,
    );
    const shapeOf = (connection: number) => shapes[connection % shapes.length]!;
    return {
      opening: parameters,
      responses: 1,
      timeoutMs: parameters.hangMs,
      lingerMs: 300,
      step: (connection, turn) => {
        if (turn > 0) return {};
        const { text, end = false } = shapeOf(connection);
        return { write: text, end };
      },
      judge: (connection, ending) => shapeViolation(shapeOf(connection), ending),
    };
  },
});
