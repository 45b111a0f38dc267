import { z } from 'zod';
import { attackOf } from './attack.ts';
import { attackFault } from './attacker/attack-fault.ts';
import { judgeShape, malformedShapes } from './script/malformed-shapes.ts';
import { askingOpening, openingShape } from './script/opening.ts';

/**
 * Requests that no honest client sends, the shapes of `script/malformed-shapes.ts` in turn. A server refuses each with a 4xx or closes
 * the connection. It never answers 5xx, never leaves it hanging, and never answers one request twice: the second answer would be that
 * of a request smuggled past whoever stands in front.
 */
export const attack = attackOf({
  kind: 'malformed',
  summary: 'Sends broken JSON, wrong lengths, smuggling shapes and other requests that must be refused.',
  defaultForMs: 10_000,
  needsModel: false,
  parameters: z.object({
    ...openingShape({ connections: 200, perSecond: 50, path: '/v1/chat/completions' }),
    shapes: z
      .enum(['all', 'http', 'json'])
      .default('all')
      .describe('http: broken messages, for any server; json: well-framed bodies that a JSON API must refuse'),
    hangMs: z.number().min(100).max(60_000).default(5000).describe('neither answered nor closed after this is a hang'),
  }),
  script: (parameters, target) => {
    const shapes = malformedShapes(target, parameters.path).filter(
      shape => parameters.shapes === 'all' || shape.group === parameters.shapes,
    );
    const shapeOf = (connection: number) => shapes[connection % shapes.length]!;
    return {
      opening: askingOpening(parameters),
      read: 'all',
      answers: 1,
      silenceMs: parameters.hangMs,
      lingerMs: 300,
      step: (connection, turn) => {
        if (turn > 0) return {};
        const { text, end = false } = shapeOf(connection);
        return { write: text, end };
      },
      judge: (connection, ending) => judgeShape(shapeOf(connection), ending),
    };
  },
});

/** The same in a scenario. */
export const fault = attackFault(attack);
