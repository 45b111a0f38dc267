import { readFileSync } from 'node:fs';
import { didYouMean } from '../reports/nearest.ts';
import { badScenario } from './bad-scenario.ts';

const DOCUMENT = new URL('../docs/requirements.md', import.meta.url);

/** The requirements of this project: their texts by id, as `docs/requirements.md` has them, a line each. */
export function requirements(): ReadonlyMap<string, string> {
  const rows = readFileSync(DOCUMENT, 'utf8').matchAll(/^- \*\*(\S+)\*\* (.+)$/gm);
  return new Map([...rows].map(([, id, text]) => [id!, text!]));
}

/**
 * The `covers` of a scenario of the catalogue, each id followed by its requirement's text, so that a stored run can show both.
 * The files of other people have ids of their own, and texts if they write them.
 * @throws SquallError `BAD_SCENARIO` for an id that `docs/requirements.md` has not
 */
export function withTexts(ids: readonly string[]): string[] {
  const known = requirements();
  return ids.map((id, index) => {
    const text = known.get(id);
    if (text === undefined)
      throw badScenario(`covers[${index}]`, 'an id of docs/requirements.md', id, didYouMean(id, [...known.keys()]));
    return `${id} ${text}`;
  });
}
