import type { Concern } from './concern.ts';

/** Adds nothing: start a new concern as a copy of this one, and name it in `render.ts`. */
export function noop(): Concern {
  return { name: 'noop' };
}
