import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { stringify } from 'yaml';
import { messageOf, SquallError } from '../../harness/errors.ts';
import type { RunEnvironment } from '../../harness/history.ts';
import { EXTENSION } from '../../harness/host/modules.ts';
import { projectFolder } from '../../harness/host/programs.ts';
import { quoted } from '../quoted.ts';
import type { Scenario } from '../scenario.ts';
import { describeSchedule, type Exploration, type Finding } from './explore.ts';
import { materialised } from './materialise.ts';

const ROOT = join(import.meta.dirname, '../..');
const MAX_LINE = 140;

/** Commands that show a finding again; what a run is not judged by, `explore` checks. */
const REPLAY: Partial<Record<Finding['failure']['kind'], string>> = {
  slo: 'npx squall run <this file> --platform virtual',
};

/** Where found schedules are kept: in the checkout that one stands in as regressions, else in a folder of one's own. */
export function defaultFoundFolder(): string {
  const isCheckout = EXTENSION === '.ts' && projectFolder() === ROOT;
  return isCheckout ? join(ROOT, 'scenarios/found') : join(process.cwd(), 'squall-found');
}

/** What the comment of a found scenario tells beside its finding. */
export interface FoundContext {
  readonly scenario: Scenario;
  /** Base of its relative paths. */
  readonly from: string;
  /** Name or path of the explored scenario, and its overrides. */
  readonly source: string;
  readonly set: readonly string[];
  readonly exploration: Pick<Exploration, 'seed'>;
  readonly environment: Pick<RunEnvironment, 'versions'>;
}

/** Text of the scenario file in `folder` that replays a finding, in YAML. The same finding gives the same text. */
export function foundText(folder: string, { failure, index, smallest }: Finding, context: FoundContext): string {
  const { scenario, from, source, set, exploration, environment } = context;
  const sets = set.map(pair => ` --set ${quoted(pair)}`).join('');
  const pinned = Object.entries(environment.versions).map(([name, version]) => `${name} ${version}`);
  const lines = [
    `Found by: npx squall explore ${quoted(source)} --seed ${exploration.seed} --from ${index} --runs 1${sets}`,
    `with ${pinned.join(', ')}; replay it with: ${REPLAY[failure.kind] ?? 'npx squall explore <this file>'}`,
    `It failed by the ${failure.kind} "${failure.name}": ${failure.message}`,
    `Faults: ${describeSchedule(smallest)}`,
  ];
  const comment = lines.flatMap(wrapped).map(line => `# ${line}\n`);
  const raw = materialised(scenario, smallest);
  const moved = { ...raw, load: withFiles(raw.load, file => relative(folder, resolve(from, file))) };
  return `${comment.join('')}${stringify(moved, { lineWidth: 120, aliasDuplicateObjects: false })}`;
}

/**
 * Writes the scenario file of a finding.
 * @returns its path
 * @throws SquallError `OUTPUT_NOT_WRITABLE`
 */
export function keepFound(folder: string, finding: Finding, context: FoundContext): string {
  const text = foundText(folder, finding, context);
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

/** A part of a scenario with other paths of the traces and prompts that it names. */
function withFiles<Value>(value: Value, move: (file: string) => string, parent = ''): Value {
  if (Array.isArray(value)) return value.map(item => withFiles(item, move)) as Value;
  if (typeof value !== 'object' || value === null) return value;
  const isFile = (key: string) => key === 'file' && (parent === 'trace' || parent === 'prompts');
  const moved = Object.entries(value).map(([key, child]) => [
    key,
    isFile(key) && typeof child === 'string' ? move(child) : withFiles(child, move, key),
  ]);
  return Object.fromEntries(moved) as Value;
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
