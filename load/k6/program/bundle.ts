import { readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { EXTENSION } from '../../../harness/host/modules.ts';

const ROOT = resolve(import.meta.dirname, '../../..');

/** File name of the script in a {@link bundle}. */
export const ENTRY = `load${EXTENSION}`;

/**
 * Bundles a script and the modules it imports as files of one folder, by name: a ConfigMap has no folders, and a container does not
 * see the checkout. k6 strips the types of a checkout itself, so only the names in imports are changed.
 */
export function bundle(script: string): Record<string, string> {
  const files: Record<string, string> = {};
  const nameOf = (path: string) => (path === script ? ENTRY : relative(ROOT, path).replaceAll('/', '-'));
  const add = (path: string) => {
    if (files[nameOf(path)] !== undefined) return;
    const imported: string[] = [];
    const text = readFileSync(path, 'utf8')
      .replaceAll(/^import type [^;]*;\n/gm, '')
      .replaceAll(/^(import [^;]*? from )'(\.[^']*)';$/gm, (_, begin: string, target: string) => {
        const file = resolve(dirname(path), target);
        imported.push(file);
        return `${begin}'./${nameOf(file)}';`;
      });
    files[nameOf(path)] = text;
    for (const file of imported) add(file);
  };
  add(script);
  return files;
}
