import { readdirSync } from 'node:fs';
import type { Attack } from '../attack.ts';

const FOLDER = new URL('../', import.meta.url);

/** Every kind of attack there is: one for each file beside `attack.ts`. */
export const attackKinds: readonly string[] = readdirSync(FOLDER)
  .filter(name => /\.[tj]s$/.test(name) && !name.startsWith('attack.'))
  .map(name => name.replace(/\.[tj]s$/, ''))
  .sort();

/** Loads one of {@link attackKinds}. @throws Error for any other word */
export async function loadAttack(kind: string): Promise<Attack> {
  if (!attackKinds.includes(kind)) throw new Error(`No attack is called "${kind}"`);
  const extension = import.meta.filename.endsWith('.ts') ? 'ts' : 'js';
  const module = (await import(new URL(`${kind}.${extension}`, FOLDER).href)) as { attack: Attack };
  return module.attack;
}
