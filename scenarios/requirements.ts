import { readFileSync } from 'node:fs';
import { didYouMean } from '../reports/nearest.ts';
import { badScenario } from './bad-scenario.ts';

const DOCUMENT = new URL('../docs/requirements.md', import.meta.url);

/** Texts of the project's requirements by id, from `docs/requirements.md`. */
export function requirements(): ReadonlyMap<string, string> {
  const rows = readFileSync(DOCUMENT, 'utf8').matchAll(/^- \*\*(\S+)\*\* (.+)$/gm);
  return new Map([...rows].map(([, id, text]) => [id!, text!]));
}

/**
 * The `covers` of a scenario of the catalogue, each id followed by the text of the requirement, so that a stored run can show both.
 * @throws SquallError `BAD_SCENARIO` for an id that is not in `docs/requirements.md`
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
