import type { Command } from 'commander';
import { faultPackages } from '../faults/catalog.ts';
import { requirementOf } from '../reports/render/cells.ts';
import { catalogNames, findScenario } from '../scenarios/find.ts';
import { findSuite, suiteNames } from '../scenarios/suite/find-suite.ts';
import { suiteSchema } from '../scenarios/suite/suite.ts';
import { jsonSchemaOf, scenarioJsonSchema, validateScenario } from '../scenarios/validate.ts';
import { JSON_FLAG } from './options.ts';
import { counted, paint, printJson, say } from './terminal.ts';

/** Defines `squall list`: scenarios of the catalogue, kinds of faults, and suites. */
export function defineList(command: Command): void {
  command.option(...JSON_FLAG).action(async ({ json }: { json?: boolean }) => {
    const scenarios = await Promise.all(
      catalogNames().map(async name => validateScenario((await findScenario(name)).raw, name)),
    );
    const faults = faultPackages
      .filter(fault => fault.kind !== 'noop')
      .map(({ kind, on, summary, platforms }) => ({ kind, on, summary, ...(platforms ? { platforms } : {}) }));
    const suites = await Promise.all(suiteNames().map(async name => (await findSuite(name)).suite));
    if (json)
      return printJson({
        scenarios: scenarios.map(({ name, why, covers, slos, proof }) => ({
          name,
          why,
          covers,
          slos: slos.map(({ objective, ...slo }) => ({ ...slo, objective: objective.text })),
          proof,
        })),
        faults,
        suites,
      });
    say(process.stdout, paint('bold', 'Scenarios'));
    for (const { name, why, covers, slos, proof } of scenarios) {
      const counts = `${counted(slos.length, 'SLO')}, ${counted(proof.length, 'proof')}; covers ${covers.map(titleOf).join(', ')}`;
      say(process.stdout, `  ${paint('cyan', name)}  ${why}`, paint('dim', `    ${counts}`));
    }
    say(process.stdout, paint('dim', '  Requirements: docs/requirements.md'), '', paint('bold', 'Faults'));
    for (const { kind, on, summary, platforms } of faults) {
      const where = platforms ? `  (${platforms.join(', ')} only)` : '';
      say(process.stdout, `  ${paint('cyan', kind)} (${on})  ${summary}${paint('dim', where)}`);
    }
    say(process.stdout, '', paint('bold', 'Suites'));
    for (const { name, why } of suites) say(process.stdout, `  ${paint('cyan', name)}  ${why}`);
  });
}

/** Defines `squall schema`: the JSON Schema of scenario files, or of suites. */
export function defineSchema(command: Command): void {
  command
    .option('--suite', 'print that of suites')
    .action(({ suite }: { suite?: boolean }) => printJson(suite ? jsonSchemaOf(suiteSchema) : scenarioJsonSchema()));
}

/** The id of a requirement with the beginning of its text: `A2.5 (Retries)`. */
function titleOf(entry: string): string {
  const { id, text } = requirementOf(entry);
  return `${id} (${text.split(/[:;.](?: |$)| \(/, 1)[0]})`;
}
