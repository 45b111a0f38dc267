import { readdirSync } from 'node:fs';
import type { Attack } from '../attack.ts';

const FOLDER = new URL('../', import.meta.url);

/** All kinds of attacks, one per file beside `attack.ts`. */
export const attackKinds: readonly string[] = readdirSync(FOLDER)
  .filter(name => /\.[tj]s$/.test(name) && !name.startsWith('attack.'))
  .map(name => name.replace(/\.[tj]s$/, ''))
  .sort();

/** Loads one of {@link attackKinds}. @throws Error for any other name */
export async function loadAttack(kind: string): Promise<Attack> {
  if (!attackKinds.includes(kind)) throw new Error(`Unknown attack "${kind}"`);
  const extension = import.meta.filename.endsWith('.ts') ? 'ts' : 'js';
  const module = (await import(new URL(`${kind}.${extension}`, FOLDER).href)) as { attack: Attack };
  return module.attack;
}
