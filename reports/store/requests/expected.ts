import type { Numbers } from './pages.ts';
import { FIELDS, type Name } from './row.ts';

/** Requires a field that every record has to have a value in all rows. @param values of the rows, or the lengths of their lists */
export function requireAll(name: Name, values: Numbers): void {
  if ('lacks' in FIELDS[name]) return;
  if (!(values instanceof Float64Array)) return;
  for (let at = 0; at < values.length; at += 1)
    if (Number.isNaN(values[at])) throw wrong(name, expectedOf(name), undefined);
}

/** Puts numbers of a field into a column. @throws Error for one that is not finite */
export function putFinite(name: Name, values: Numbers, into: Numbers): void {
  for (let at = 0; at < into.length; at += 1) {
    const value = values[at]!;
    if (!Number.isFinite(value)) throw wrong(name, 'a number', value);
    into[at] = value;
  }
}

/** A list of numbers; undefined for none. @throws Error for anything else, and where the field has to have one */
export function listIn(name: Name, value: unknown): readonly number[] | undefined {
  if ((value === undefined || value === null) && 'lacks' in FIELDS[name]) return undefined;
  if (!Array.isArray(value)) throw wrong(name, 'a list of numbers', value);
  for (const element of value) if (typeof element !== 'number') throw wrong(name, 'a list of numbers', element);
  return value;
}

/** What a field is expected to be. */
export function expectedOf(name: Name): string {
  const { kind } = FIELDS[name];
  return kind === 'text' ? 'a text' : kind === 'list' ? 'a list of numbers' : 'a number';
}

/** Error on a value of another type. */
export function wrong(name: Name, expected: string, value: unknown): Error {
  return new Error(`Expected \`${name}\` to be ${expected}, got ${foundText(value)}`);
}

/** What was found, without texts, since they may be of any file. */
function foundText(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'string' ? 'a text' : typeof value === 'object' ? 'an object' : `${value}`;
}
