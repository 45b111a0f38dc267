import { readdirSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Extension of Squall's own modules: `.ts` in a checkout, `.js` where they are compiled. */
export const EXTENSION = extname(import.meta.filename);

/**
 * Path of a module of Squall's.
 * @param name relative to `base`, without extension, such as `./main`
 * @param base `import.meta.url` of the module that names it
 */
export function modulePath(name: string, base: string): string {
  return fileURLToPath(new URL(`${name}${EXTENSION}`, base));
}

/**
 * Names of the modules in a folder, sorted, without extension.
 * @param folder URL that ends in `/` @param deep whether those in its subfolders, such as `attacks/slow-body`, are also meant
 */
export function moduleNames(folder: URL, deep: 'deep' | 'flat' = 'flat'): string[] {
  return readdirSync(folder, { recursive: deep === 'deep', encoding: 'utf8' })
    .filter(file => file.endsWith(EXTENSION))
    .map(file => file.slice(0, -EXTENSION.length))
    .sort();
}

/** Imports a module of {@link moduleNames}. @returns its exports, which the caller types */
export function importModule<Exports>(folder: URL, name: string): Promise<Exports> {
  return import(new URL(`${name}${EXTENSION}`, folder).href);
}
