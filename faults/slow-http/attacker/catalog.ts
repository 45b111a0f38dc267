import { importModule, moduleNames } from '../../../harness/host/modules.ts';
import type { Attack } from '../attack.ts';

const FOLDER = new URL('../', import.meta.url);

/** All kinds of attacks, one per file beside `attack.ts`. */
export const attackKinds: readonly string[] = moduleNames(FOLDER).filter(name => name !== 'attack');

/** Loads one of {@link attackKinds}. @throws Error for any other name */
export async function loadAttack(kind: string): Promise<Attack> {
  if (!attackKinds.includes(kind)) throw new Error(`Unknown attack "${kind}"`);
  return (await importModule<{ attack: Attack }>(FOLDER, kind)).attack;
}
