import type { Concern } from './concern.ts';

/** Concern without any configuration: the template for a new one, which must be listed in `render.ts`. */
export function noop(): Concern {
  return { name: 'noop' };
}
