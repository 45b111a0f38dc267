import { readdirSync } from 'node:fs';
import type { Check, Objective } from './check.ts';
import { Statement } from './statement.ts';

/** Every kind of objective there is: one for each file in `checks/`, which exports it as `check`. */
export const CHECKS: readonly Check[] = await loadChecks();

/** What an SLO asks for, with the check that judges it. */
export interface ParsedObjective<O extends Objective = Objective> {
  /** As it was written. */
  readonly text: string;
  readonly objective: O;
  readonly check: Check<O>;
}

/**
 * Parses the objective of an SLO: `measure`, or `measure(argument)`, then a comparison, then a quantity with its unit.
 * @throws BadObjective that says what was found where and what was expected there
 */
export function parseObjective(text: string, checks: readonly Check[] = CHECKS): ParsedObjective {
  const statement = new Statement(text);
  const check = checks.find(({ words, reads = ({ name }: Statement) => words.includes(name) }) => reads(statement));
  if (!check) throw statement.unknownName([...new Set(checks.flatMap(({ words }) => words))]);
  return { text, objective: { kind: check.kind, ...check.parse(statement) }, check };
}

/** The objective as a person would write it; reading that gives the same again. */
export function formatObjective({ objective, check }: Omit<ParsedObjective, 'text'>): string {
  const { comparison, limit, unit } = objective;
  return check.format(objective, `${comparison} ${limit}${unit === 'ms' ? ' ms' : unit}`);
}

async function loadChecks(): Promise<Check[]> {
  const folder = new URL('./checks/', import.meta.url);
  const files = readdirSync(folder).filter(name => name.endsWith('.ts'));
  const modules = await Promise.all(
    files.sort().map(name => import(new URL(name, folder).href) as Promise<{ check?: Check }>),
  );
  return modules.flatMap(({ check }) => check ?? []).filter(({ words }) => words.length > 0);
}
