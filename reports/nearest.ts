import { distance } from 'fastest-levenshtein';

/** So many characters of a word allow for one slip more. */
const CHARACTERS_PER_SLIP = 3;

/**
 * The known name that `found` is probably a slip of the finger for: at most one edit in every three characters begun, so two in
 * `latncy` and one in `htp`. Undefined where none is as near.
 */
export function nearest(found: string, known: readonly string[]): string | undefined {
  const most = Math.ceil(found.length / CHARACTERS_PER_SLIP);
  const [first] = known
    .map(name => ({ name, edits: distance(found.toLowerCase(), name.toLowerCase()) }))
    .filter(({ edits }) => edits <= most)
    .sort((a, b) => a.edits - b.edits);
  return first?.name;
}

/** {@link nearest} as the end of a message, `; did you mean "…"?`, or '' where no name is near. */
export function didYouMean(found: string, known: readonly string[]): string {
  const name = nearest(found, known);
  return name === undefined ? '' : `; did you mean "${name}"?`;
}
