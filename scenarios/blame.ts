import { SquallError } from '../harness/errors.ts';
import { resolvedPath } from './override.ts';

/**
 * Handler of the error of a scenario with overrides: if the file alone has no mistake, the overrides have it, and the error names them
 * as the user wrote them, instead of the file.
 * @param given what the user wrote, by path of the override; @default `--set <path>`
 * @param alone checks the file without the overrides, and throws where it has a mistake of its own
 */
export function blaming(
  raw: unknown,
  changes: Readonly<Record<string, unknown>>,
  given: Readonly<Record<string, string>>,
  source: string,
  alone: () => void,
): (error: unknown) => never {
  return error => {
    const paths = Object.keys(changes);
    if (!(error instanceof SquallError) || error.kind !== 'scenario' || paths.length === 0) throw error;
    const named = [...error.message.matchAll(/`([\w.[\]-]+)`/g)].map(([, field]) =>
      field!.replaceAll(/\[(\d+)\]/g, '.$1'),
    );
    const guilty = paths.filter(path => named.some(field => overlap(field, resolvedPath(raw, path))));
    if (!isFine(alone)) throw error;
    const words = (guilty.length > 0 ? guilty : paths).map(path => given[path] ?? `--set ${path}`).join(', ');
    const hint = error.next && !error.next.startsWith('Correct ') ? ` ${error.next}` : '';
    const message = error.message.replace(`${source} is not a scenario:`, `${source} with ${words} is not a scenario:`);
    throw new SquallError('option', error.code, message, { cause: error, next: `Correct ${words}.${hint}` });
  };
}

function overlap(a: string, b: string): boolean {
  return `${a}.`.startsWith(`${b}.`) || `${b}.`.startsWith(`${a}.`);
}

function isFine(check: () => void): boolean {
  try {
    check();
    return true;
  } catch {
    return false;
  }
}
