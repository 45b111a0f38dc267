import { type ParsedObjective, parseObjective } from '../../judge/objective.ts';

/** Parsed objective of a judged SLO, for charts; null if it cannot be parsed, in which case only its text is shown. */
export function readObjective(text: string): ParsedObjective | null {
  try {
    return parseObjective(text);
  } catch {
    return null;
  }
}
