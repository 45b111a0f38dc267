import { importModule, moduleNames } from '../../harness/host/modules.ts';
import type { Check, Objective } from './check.ts';
import { Statement } from './statement.ts';

/** All kinds of objectives: one for each file in `checks/` and its folders. */
export const CHECKS: readonly Check[] = await loadChecks();

/** Objective of an SLO, with the check that judges it. */
export interface ParsedObjective {
  /** As written. */
  readonly text: string;
  readonly objective: Objective;
  readonly check: Check;
}

/**
 * Parses the objective of an SLO: `measure`, or `measure(argument)`, perhaps with a `.path`, then a comparison, then a quantity with its unit.
 * @throws BadObjective
 */
export function parseObjective(text: string, checks: readonly Check[] = CHECKS): ParsedObjective {
  const statement = new Statement(text);
  const check = checks.find(({ words, reads = ({ name }: Statement) => words.includes(name) }) => reads(statement));
  if (!check) throw statement.unknownName([...new Set(checks.flatMap(({ words }) => words))]);
  if (!check.hasPath) statement.pathless();
  return { text, objective: { kind: check.kind, ...check.parse(statement) }, check };
}

/** `p99(ttft)` of `p99(ttft) <= 800 ms`; a text without a limit is its own. */
export function statisticOf(objective: string): string {
  return objective.split(/[<>]/, 1)[0]!.trim();
}

async function loadChecks(): Promise<Check[]> {
  const folder = new URL('./checks/', import.meta.url);
  const modules = await Promise.all(
    moduleNames(folder, 'deep').map(name => importModule<{ check?: Check }>(folder, name)),
  );
  return modules.flatMap(({ check }) => check ?? []).filter(({ words }) => words.length > 0);
}
