import { dirname, join, resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { SquallError } from '../harness/errors.ts';
import { type PlatformKind, warmUpMs } from '../harness/plan.ts';
import { formatMs } from '../harness/quantity.ts';
import { type CompiledScenario, compileScenario } from '../scenarios/compile.ts';
import { type External, requireStackUntouched } from '../scenarios/external.ts';
import { catalogNames, findScenario } from '../scenarios/find.ts';
import { override, parseOverrides } from '../scenarios/override.ts';
import type { ResolvedScenario } from '../scenarios/scenario.ts';
import { checkTarget } from '../scenarios/target.ts';
import { validateScenario } from '../scenarios/validate.ts';

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

/** Options of commands that can test a server of the person's own. */
export interface TargetOptions {
  readonly target?: string;
  readonly authorization?: string;
  readonly iOwnThisTarget?: boolean;
}

/** Options of commands that can share a load among processes and machines. */
export interface ShareOptions {
  readonly workers?: number;
  readonly segment?: { readonly index: number; readonly of: number };
  readonly zeroAt?: Date;
}

/** The checkout this file lies in; for an installed package the folder the person works in. */
const HOME = import.meta.dirname.includes('node_modules') ? process.cwd() : resolve(import.meta.dirname, '..');

/** Where runs are kept unless told otherwise. */
const DEFAULT_OUT = join(HOME, 'reports', 'runs');
const DEFAULT_SEED = 42;
/** Where a token is looked for that is not given as an option; other processes can read a command line. */
const AUTHORIZATION_VARIABLE = 'SQUALL_TARGET_AUTHORIZATION';

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

/** Adds `--segment` and `--zero-at`, for several machines. */
export function withSegment(command: Command): Command {
  return command
    .addOption(
      new Option('--segment <i/n>', 'drive the i-th of n shares of the load; squall merge judges all').argParser(
        parseSegment,
      ),
    )
    .addOption(
      new Option(
        '--zero-at <time>',
        'when driving starts, e.g. 2030-01-31T12:00:00Z, so that segments drive together',
      ).argParser(parseInstant),
    );
}

type LoadOptions = ScenarioOptions & Partial<RunOptions> & TargetOptions & ShareOptions;

/**
 * Finds, changes, validates and compiles a scenario, and checks its target and its time zero where there are any.
 * @param changes further overrides, such as a proof's
 */
export async function loadScenario(
  nameOrPath: string,
  options: LoadOptions,
  signal: AbortSignal,
  changes: Readonly<Record<string, unknown>> = {},
): Promise<{ scenario: ResolvedScenario; compiled: CompiledScenario }> {
  const external = await externalOf(options, signal);
  const found = await findScenario(nameOrPath);
  const overrides = { ...parseOverrides(options.set), ...changes };
  if (external) requireStackUntouched(Object.keys(overrides));
  const scenario = validateScenario(override(found.raw, overrides), found.source);
  const replay = replayCommand(nameOrPath, options, changes);
  const folder = catalogNames().includes(nameOrPath) ? HOME : dirname(resolve(nameOrPath));
  const { seed, platform = 'process', workers, segment } = options;
  if (segment && !external) throw segmentWithoutTarget();
  const compiled = compileScenario(scenario, {
    seed,
    platform,
    replay,
    folder,
    ...(external ? { external } : {}),
    ...(workers === undefined ? {} : { workers }),
    ...(segment ? { segment } : {}),
  });
  if (options.zeroAt) requireAhead(options.zeroAt, warmUpMs(compiled.plan));
  return { scenario, compiled };
}

/** The target of the options, checked; undefined without one. @throws SquallError of kind `option` or `environment` */
async function externalOf(options: LoadOptions, signal: AbortSignal): Promise<External | undefined> {
  const { target, platform = 'process', authorization, iOwnThisTarget = false } = options;
  if ((target === undefined) !== (platform !== 'external'))
    throw new SquallError(
      'option',
      'PLATFORM_AND_TARGET',
      `Expected --target and --platform external together, got ${target === undefined ? 'no --target' : `--platform ${platform}`}`,
      { next: 'Give `squall run` a --target URL and leave --platform out, or leave both out.' },
    );
  if (target === undefined && (authorization !== undefined || iOwnThisTarget))
    throw new SquallError('option', 'NO_TARGET', 'Expected a --target beside --authorization and --i-own-this-target', {
      next: 'Add --target URL, or leave the others out: the keys of a stack of Squall’s own are made for each run.',
    });
  if (target === undefined) return undefined;
  const checked = await checkTarget(target, { iOwnThisTarget, signal });
  return { ...checked, authorization: targetAuthorization(authorization) };
}

/**
 * What clients of a target send as `Authorization`, from an option or the environment; empty for none. A token becomes
 * `Bearer <token>`; what names its scheme stays. It is a secret, so no message quotes it.
 * @throws SquallError `BAD_AUTHORIZATION`
 */
export function targetAuthorization(given = process.env[AUTHORIZATION_VARIABLE] ?? ''): string {
  const trimmed = given.trim();
  if (!/^[\x20-\x7e]*$/.test(trimmed))
    throw new SquallError(
      'option',
      'BAD_AUTHORIZATION',
      'Expected the authorization to be printable ASCII on one line',
    );
  return trimmed === '' || trimmed.includes(' ') ? trimmed : `Bearer ${trimmed}`;
}

/** The command that repeats a run. Never with the authorization, which ends up in reports then. */
function replayCommand(nameOrPath: string, options: LoadOptions, changes: Readonly<Record<string, unknown>>): string {
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

function quoted(word: string): string {
  return /^[\w./=:@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function parseSeed(text: string): number {
  if (!/^\d+$/.test(text) || Number(text) > 0xffffffff)
    throw new InvalidArgumentError('Expected a whole number from 0 to 4294967295.');
  return Number(text);
}

const MOST_WORKERS = 64;
const MOST_SEGMENTS = 1000;
const LONGEST_WAIT_MS = 86_400_000;

function parseWorkers(text: string): number {
  if (!/^\d+$/.test(text) || Number(text) < 1 || Number(text) > MOST_WORKERS)
    throw new InvalidArgumentError(`Expected a whole number from 1 to ${MOST_WORKERS}.`);
  return Number(text);
}

function parseSegment(text: string): { index: number; of: number } {
  const [, index = 0, of = 0] = (/^(\d+)\/(\d+)$/.exec(text) ?? []).map(Number);
  if (index < 1 || index > of || of > MOST_SEGMENTS)
    throw new InvalidArgumentError(`Expected i/n with i from 1 to n and n up to ${MOST_SEGMENTS}, such as 2/3.`);
  return { index, of };
}

function parseInstant(text: string): Date {
  const date = new Date(text);
  if (Number.isNaN(date.getTime()) || !/(Z|[+-]\d\d:?\d\d)$/i.test(text))
    throw new InvalidArgumentError('Expected a date and time with its zone, such as 2030-01-31T12:00:00Z.');
  if (date.getTime() > Date.now() + LONGEST_WAIT_MS)
    throw new InvalidArgumentError('Expected a time within a day from now.');
  return date;
}

function requireAhead(zeroAt: Date, warmUpLastsMs: number): void {
  if (zeroAt.getTime() >= Date.now() + warmUpLastsMs) return;
  const now = new Date().toISOString();
  throw new SquallError(
    'option',
    'ZERO_TOO_EARLY',
    `Expected \`--zero-at\` to be more than the ${formatMs(warmUpLastsMs)} of the warm-up from now, ${now}, got ${zeroAt.toISOString()}`,
    { next: 'Choose a later --zero-at, so that there is time to start everything and to warm up.' },
  );
}

function segmentWithoutTarget(): SquallError {
  return new SquallError('option', 'SEGMENT_WITHOUT_TARGET', 'Expected --segment beside a --target, got none', {
    next: 'Segments meet at one server, so give its URL; a stack of Squall’s own is one machine’s, where --workers adds cores.',
  });
}

function collect(value: string, before: string[]): string[] {
  return [...before, value];
}
