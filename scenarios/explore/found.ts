import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { messageOf, SquallError } from '../../harness/errors.ts';
import { EXTENSION } from '../../harness/host/modules.ts';
import { projectFolder } from '../../harness/host/programs.ts';
import { quoted } from '../quoted.ts';
import type { Scenario } from '../scenario.ts';
import { describeSchedule, type Exploration, type Finding } from './explore.ts';
import { materialised } from './materialise.ts';

const ROOT = join(import.meta.dirname, '../..');
const MAX_LINE = 140;

/** Where found schedules are kept: in the checkout that one stands in as regressions, else in a folder of one's own. */
export function defaultFoundFolder(): string {
  const isCheckout = EXTENSION === '.ts' && projectFolder() === ROOT;
  return isCheckout ? join(ROOT, 'scenarios/found') : join(process.cwd(), 'squall-found');
}

/** What the comment of a found scenario tells beside its finding. */
export interface FoundContext {
  readonly scenario: Scenario;
  /** Name or path of the explored scenario. */
  readonly source: string;
  readonly exploration: Pick<Exploration, 'seed'>;
  readonly versions: Readonly<Record<string, string>>;
}

/** Text of the scenario file that replays a finding, in YAML. The same finding gives the same text. */
export function foundText({ failure, index, smallest }: Finding, context: FoundContext): string {
  const { scenario, source, exploration, versions } = context;
  const pinned = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const lines = [
    `Found by: npx squall explore ${quoted(source)} --seed ${exploration.seed} --from ${index} --runs 1`,
    `with ${pinned.join(', ')}; replay it with: npx squall run <this file> --platform virtual`,
    `It failed by the ${failure.kind} "${failure.name}": ${failure.message}`,
    `Faults: ${describeSchedule(smallest)}`,
  ];
  const comment = lines.flatMap(wrapped).map(line => `# ${line}\n`);
  return `${comment.join('')}${stringify(materialised(scenario, smallest), { lineWidth: 120, aliasDuplicateObjects: false })}`;
}

/**
 * Writes the scenario file of a finding.
 * @returns its path
 * @throws SquallError `OUTPUT_NOT_WRITABLE`
 */
export function keepFound(folder: string, finding: Finding, context: FoundContext): string {
  const text = foundText(finding, context);
  const { name } = context.scenario;
  const mark = createHash('sha256')
    .update(JSON.stringify([finding.failure.name, finding.smallest]))
    .digest('hex');
  const path = join(folder, `${name}-${mark.slice(0, 6)}.yaml`);
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path, text);
  } catch (cause) {
    throw new SquallError(
      'environment',
      'OUTPUT_NOT_WRITABLE',
      `Expected --found to be a writable folder, got ${folder}: ${messageOf(cause)}`,
      { cause, next: 'Choose another folder with --found.' },
    );
  }
  return path;
}

function wrapped(text: string): string[] {
  const lines = [''];
  for (const word of text.replaceAll(/\s+/g, ' ').split(' ')) {
    const line = lines.at(-1)!;
    if (line !== '' && line.length + word.length > MAX_LINE) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}
