import { z } from 'zod';
import { LIMITS, type Opening } from '../attack.ts';

/** What {@link openingShape} takes as defaults. */
export interface OpeningDefaults {
  readonly connections: number;
  readonly perSecond: number;
  readonly path: string;
}

/** The keys that all kinds share, each with the kind's own default. */
export function openingShape({ connections, perSecond, path }: OpeningDefaults) {
  return {
    connections: z
      .int()
      .min(1)
      .max(LIMITS.connections)
      .default(connections)
      .describe('connections at most open at a time'),
    perSecond: z
      .number()
      .positive()
      .max(LIMITS.perSecond)
      .default(perSecond)
      .describe('connections opened per second, whatever the server does'),
    sources: z.int().min(1).max(LIMITS.sources).default(1).describe('source addresses, 127.0.0.2 and up'),
    path: z
      .string()
      .regex(/^\/[\x21-\x7e]*$/, 'expected a path that starts with / and has no spaces')
      .default(path)
      .describe('path that is asked for'),
  };
}

/** The key of kinds that ask a language model. */
export function modelShape() {
  return {
    model: z.string().default('').describe('model that is asked for; by default the first that the target lists'),
  };
}

/** {@link openingShape} and whether connections that the server ended are opened again. */
export function holdingShape(defaults: OpeningDefaults) {
  return {
    ...openingShape(defaults),
    reopen: z.boolean().default(true).describe('opens again what the server ended'),
  };
}

/** The opening of a kind that holds connections. */
export function holdingOpening(parameters: Omit<Opening, 'total'> & { readonly reopen: boolean }): Opening {
  const { connections, perSecond, sources, reopen } = parameters;
  return { connections, perSecond, sources, total: reopen ? Number.MAX_SAFE_INTEGER : connections };
}

/** The opening of a kind that asks again and again. */
export function askingOpening({ connections, perSecond, sources }: Omit<Opening, 'total'>): Opening {
  return { connections, perSecond, sources, total: Number.MAX_SAFE_INTEGER };
}
