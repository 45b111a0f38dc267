import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { PlatformKind } from '../../harness/plan.ts';
import { type CompiledScenario, compileScenario } from '../compile.ts';
import { catalogNames, findScenario } from '../find.ts';
import { override, parseOverrides } from '../override.ts';
import type { ResolvedScenario } from '../scenario.ts';
import { validateScenario } from '../validate.ts';

/** Options that every command which runs scenarios takes. */
export interface RunOptions {
  readonly platform: PlatformKind;
  readonly seed: number;
  readonly out: string;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly set: readonly string[];
}

/** The checkout this file lies in; for an installed package the folder the person works in. */
const HOME = import.meta.dirname.includes('node_modules') ? process.cwd() : resolve(import.meta.dirname, '../..');

/** Where runs are kept unless told otherwise. */
export const DEFAULT_OUT = join(HOME, 'reports', 'runs');
const DEFAULT_SEED = 42;

/** Adds the options of {@link RunOptions} to a command. */
export function withRunOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--platform <kind>', 'where the stack runs').choices(['process', 'docker']).default('process'),
    )
    .addOption(
      new Option('--seed <n>', 'decides arrivals, prompts and jitter').argParser(parseSeed).default(DEFAULT_SEED),
    )
    .addOption(new Option('--out <folder>', 'folder of run directories').default(DEFAULT_OUT, 'reports/runs'))
    .option(
      '--set <path=value>',
      'change a value of the scenario, e.g. stack.inference.replicas=2 (repeatable)',
      collect,
      [],
    )
    .option('--json', 'print one JSON document on stdout, and nothing else there', false)
    .option('--quiet', 'no progress', false);
}

/**
 * Finds, changes, validates and compiles a scenario.
 * @param changes further overrides, such as a proof's
 */
export async function loadScenario(
  nameOrPath: string,
  options: RunOptions,
  changes: Readonly<Record<string, unknown>> = {},
): Promise<{ scenario: ResolvedScenario; compiled: CompiledScenario }> {
  const found = await findScenario(nameOrPath);
  const overrides = { ...parseOverrides(options.set), ...changes };
  const scenario = validateScenario(override(found.raw, overrides), found.source);
  const replay = replayCommand(nameOrPath, options, changes);
  const folder = catalogNames().includes(nameOrPath) ? HOME : dirname(resolve(nameOrPath));
  return { scenario, compiled: compileScenario(scenario, { ...options, replay, folder }) };
}

function replayCommand(nameOrPath: string, options: RunOptions, changes: Readonly<Record<string, unknown>>): string {
  const sets = [...options.set, ...Object.entries(changes).map(([path, value]) => `${path}=${JSON.stringify(value)}`)];
  const words = ['npx', 'squall', 'run', nameOrPath, '--seed', String(options.seed)];
  if (options.platform !== 'process') words.push('--platform', options.platform);
  for (const set of sets) words.push('--set', set);
  return words.map(quoted).join(' ');
}

function quoted(word: string): string {
  return /^[\w./=:@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function parseSeed(text: string): number {
  if (!/^\d+$/.test(text) || Number(text) > 0xffffffff)
    throw new InvalidArgumentError('Expected a whole number from 0 to 4294967295.');
  return Number(text);
}

function collect(value: string, before: string[]): string[] {
  return [...before, value];
}

/**
 * A run directory from what a person typed: a path, a run's id, or `last`.
 * @returns its absolute path, or undefined if there is none
 */
export function findRunDirectory(run: string, listRuns: (folder: string) => string[]): string | undefined {
  const named = run === 'last' ? listRuns(DEFAULT_OUT).at(-1) : run;
  return [named, named && join(DEFAULT_OUT, named)]
    .filter(path => path !== undefined)
    .map(path => resolve(path))
    .find(path => existsSync(join(path, 'events.ndjson')));
}
