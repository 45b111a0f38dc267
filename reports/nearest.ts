import { distance } from 'fastest-levenshtein';

/** One typing error is tolerated for each of this many characters begun. */
const CHARACTERS_PER_EDIT = 3;
/** A longer text is no name. */
const MAX_CHARACTERS = 100;

/**
 * Known name that is nearest to `found`, if `found` is probably a misspelling of it: at most one edit for every three characters
 * begun, which is two for `latncy` and one for `htp`. Undefined if no name is near enough.
 */
export function nearest(found: string, known: readonly string[]): string | undefined {
  if (found.length > MAX_CHARACTERS) return undefined;
  const maxEdits = Math.ceil(found.length / CHARACTERS_PER_EDIT);
  const [first] = known
    .map(name => ({ name, edits: distance(found.toLowerCase(), name.toLowerCase()) }))
    .filter(({ edits }) => edits <= maxEdits)
    .sort((a, b) => a.edits - b.edits);
  return first?.name;
}

/** {@link nearest} as the end of a message, `; did you mean "…"?`; empty if no name is near, or it is that. */
export function didYouMean(found: string, known: readonly string[]): string {
  const name = nearest(found, known);
  return name === undefined || name === found ? '' : `; did you mean "${name}"?`;
}
