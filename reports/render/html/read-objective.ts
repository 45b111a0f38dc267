import { type ParsedObjective, parseObjective } from '../../judge/objective.ts';

/** The objective of a judged SLO, for pictures; null if it cannot be read, and then it is shown as text alone. */
export function readObjective(text: string): ParsedObjective | null {
  try {
    return parseObjective(text);
  } catch {
    return null;
  }
}
