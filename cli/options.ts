import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { PlatformKind } from '../harness/plan.ts';
import { parsePin, type Versions } from '../harness/versions.ts';
import { HOME } from '../scenarios/find.ts';
import { type LoadedScenario, loadScenario as load } from '../scenarios/load-scenario.ts';
import { parseOverrides } from '../scenarios/override.ts';
import { AUTHORIZATION_VARIABLE, externalTarget, type TargetOptions } from '../scenarios/target.ts';

/** Options of every command that reads a scenario. */
export interface ScenarioOptions {
  readonly seed: number;
  readonly set: readonly string[];
}

/** Options that every command which runs scenarios takes. */
export interface RunOptions extends ScenarioOptions {
  readonly platform: PlatformKind;
  readonly out: string;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** Options of commands that can share a load among processes and machines. */
export interface ShareOptions {
  readonly workers?: number;
  readonly segment?: { readonly index: number; readonly of: number };
  readonly startAt?: Date;
}

/** Options of a command that repeats runs. */
export interface ReplayOptions {
  readonly versions?: Versions;
}

/** Where runs are kept unless told otherwise. */
const DEFAULT_OUT = join(HOME, 'reports', 'runs');
const DEFAULT_SEED = 42;
/** Adds `--out` to a command: where runs are made, and where those named by id are looked for. */
export function withOut(command: Command): Command {
  return command.addOption(new Option('--out <folder>', 'folder of run directories').default(DEFAULT_OUT, DEFAULT_OUT));
}

/** Adds the options of {@link ScenarioOptions} to a command. */
export function withScenarioOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--seed <n>',
        'decides arrivals, prompts and, with the embedded fault proxy, jitter (toxiproxy-server draws its own)',
      )
        .argParser(parseSeed)
        .default(DEFAULT_SEED),
    )
    .option(
      '--set <path=value>',
      'change a value of the scenario, e.g. stack.inference.replicas=2 (repeatable)',
      collect,
      [],
    );
}

/** Adds the options of {@link RunOptions} to a command. */
export function withRunOptions(command: Command): Command {
  return withScenarioOptions(withOut(command))
    .addOption(
      new Option('--platform <kind>', 'where the stack runs')
        .choices(['process', 'docker', 'external'])
        .default('process'),
    )
    .option('--json', 'print one JSON document on stdout, and nothing else there', false)
    .option('--quiet', 'no progress', false);
}

/** Adds the options of {@link TargetOptions} to a command. */
export function withTargetOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--target <url>', 'test this OpenAI-compatible server instead of a stack of Squall’s own').implies({
        platform: 'external',
      }),
    )
    .option(
      '--authorization <token>',
      `bearer token for the target, or a whole Authorization header; better given as ${AUTHORIZATION_VARIABLE}`,
    )
    .option('--i-own-this-target', 'the target may be elsewhere than on this machine: it is mine to break');
}

/** Adds `--workers`, for one machine. */
export function withWorkers(command: Command): Command {
  return command.addOption(
    new Option('--workers <n>', 'processes that generate the load, for more than one core can do').argParser(
      parseWorkers,
    ),
  );
}

/** Adds `--segment` and `--start-at`, for several machines. */
export function withSegment(command: Command): Command {
  return command
    .addOption(
      new Option('--segment <i/n>', 'drive the i-th of n shares of the load; squall merge judges all').argParser(
        parseSegment,
      ),
    )
    .addOption(
      new Option(
        '--start-at <time>',
        'when the load phase starts, e.g. 2030-01-31T12:00:00Z, so that segments drive together',
      ).argParser(parseInstant),
    );
}

/** Adds `--versions`, which a replay command carries. */
export function withVersions(command: Command): Command {
  return command.addOption(
    new Option(
      '--versions <list>',
      'refuse to run with other versions than these; the replay command of a run lists its own',
    ).argParser(parseVersions),
  );
}

/**
 * Loads a scenario the way the options say, and checks its target where there is one.
 * @param changes further overrides, such as a proof's
 */
export async function loadScenario(
  nameOrPath: string,
  options: ScenarioOptions & Partial<RunOptions> & TargetOptions & ShareOptions,
  signal: AbortSignal,
  changes: Readonly<Record<string, unknown>> = {},
): Promise<LoadedScenario> {
  const { seed, platform = 'process', workers, segment, startAt } = options;
  return load(nameOrPath, {
    seed,
    platform,
    workers,
    segment,
    startAt,
    external: await externalTarget(options, signal),
    changes: { ...parseOverrides(options.set), ...changes },
    replay: replayCommand(nameOrPath, options, changes),
  });
}

/** The command that repeats a run. Never with the authorization, which ends up in reports then. */
function replayCommand(
  nameOrPath: string,
  options: Parameters<typeof loadScenario>[1],
  changes: Readonly<Record<string, unknown>>,
): string {
  const sets = [...options.set, ...Object.entries(changes).map(([path, value]) => `${path}=${JSON.stringify(value)}`)];
  const { platform = 'process', out = DEFAULT_OUT } = options;
  const words = ['npx', 'squall', 'run', nameOrPath, '--seed', String(options.seed)];
  if (options.target !== undefined) words.push('--target', options.target);
  else if (platform !== 'process') words.push('--platform', platform);
  if (options.iOwnThisTarget) words.push('--i-own-this-target');
  if (options.workers !== undefined && options.workers > 1) words.push('--workers', String(options.workers));
  if (options.segment) words.push('--segment', `${options.segment.index}/${options.segment.of}`);
  if (out !== DEFAULT_OUT) words.push('--out', out);
  for (const set of sets) words.push('--set', set);
  return words.map(quoted).join(' ');
}

/** A word as a shell takes it. */
export function quoted(word: string): string {
  return /^[\w./=:@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function parseSeed(text: string): number {
  if (!/^\d+$/.test(text) || Number(text) > 0xffffffff)
    throw new InvalidArgumentError('Expected a whole number from 0 to 4294967295.');
  return Number(text);
}

const MAX_WORKERS = 64;
const MAX_SEGMENTS = 1000;
const MAX_WAIT_MS = 86_400_000;

function parseWorkers(text: string): number {
  if (!/^\d+$/.test(text) || Number(text) < 1 || Number(text) > MAX_WORKERS)
    throw new InvalidArgumentError(`Expected a whole number from 1 to ${MAX_WORKERS}.`);
  return Number(text);
}

function parseSegment(text: string): { index: number; of: number } {
  const [, index = 0, of = 0] = (/^(\d+)\/(\d+)$/.exec(text) ?? []).map(Number);
  if (index < 1 || index > of || of > MAX_SEGMENTS)
    throw new InvalidArgumentError(`Expected i/n with i from 1 to n and n up to ${MAX_SEGMENTS}, such as 2/3.`);
  return { index, of };
}

function parseInstant(text: string): Date {
  const date = new Date(text);
  if (Number.isNaN(date.getTime()) || !/(Z|[+-]\d\d:?\d\d)$/i.test(text))
    throw new InvalidArgumentError('Expected a date and time with its zone, such as 2030-01-31T12:00:00Z.');
  if (date.getTime() > Date.now() + MAX_WAIT_MS)
    throw new InvalidArgumentError('Expected a time within a day from now.');
  return date;
}

function parseVersions(text: string): Versions {
  const versions = parsePin(text);
  if (!versions) throw new InvalidArgumentError('Expected names and versions such as nginx=1.22.1,node=24.21.0.');
  return versions;
}

function collect(value: string, before: string[]): string[] {
  return [...before, value];
}
