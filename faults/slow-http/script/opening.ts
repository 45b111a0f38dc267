import { z } from 'zod';
import { LIMITS, type Opening } from '../attack.ts';

type Defaults = Pick<Opening, 'connections' | 'perSecond'> & { readonly path: string };

/** Parameters of every kind that opens connections at a rate, with defaults of the kind. */
export function openingShape({ connections, perSecond, path }: Defaults) {
  return {
    connections: z.int().min(1).max(LIMITS.connections).default(connections).describe('maximum of open connections'),
    perSecond: z
      .number()
      .positive()
      .max(LIMITS.perSecond)
      .default(perSecond)
      .describe('connections opened per second, whatever the server does'),
    sources: z.int().min(1).max(LIMITS.sources).default(1).describe('source addresses, from 127.0.0.2'),
    path: z
      .string()
      .regex(/^\/[\x21-\x7e]*$/, 'expected a path that starts with / and has no spaces')
      .default(path)
      .describe('path of the requests'),
  };
}

/** Parameter of kinds that send requests to a language model. */
export const modelShape = {
  model: z.string().default('').describe('model of the requests; by default the first that the target lists'),
};

/** Parameter of kinds that keep connections open. */
export const reopenShape = {
  reopen: z.boolean().default(true).describe('replaces connections that the server closed'),
};
