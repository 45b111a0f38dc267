import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { SquallError } from '../harness/errors.ts';
import { projectFolder } from '../harness/host/programs.ts';
import type { PlatformKind } from '../harness/plan.ts';
import { parseDurationMs } from '../harness/quantity.ts';
import { DEFAULT_SEED } from '../harness/random.ts';
import { parsePin, type Versions } from '../harness/versions.ts';
import type { MetricsOptions } from '../scenarios/target/metrics.ts';
import { AUTHORIZATION_VARIABLE, type TargetOptions } from '../scenarios/target/target.ts';

/** Options of every command that reads a scenario. */
export interface ScenarioOptions {
  readonly seed: number;
  readonly set: readonly string[];
  /** Empty for none. @default a fresh one for each run */
  readonly salt?: string;
}

/** Options of every command that sends requests. */
export interface RequestOptions {
  readonly path?: string;
  /** `Name: value` each. */
  readonly header?: readonly string[];
}

/** Options of every command that runs scenarios; a command without such an option leaves it undefined. */
export interface RunOptions extends ScenarioOptions, RequestOptions, TargetOptions, MetricsOptions {
  readonly platform: PlatformKind;
  readonly out: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly workers?: number;
  readonly segment?: { readonly index: number; readonly of: number };
  readonly startAt?: Date;
  readonly versions?: Versions;
  readonly dryRun?: boolean;
  readonly variant?: string;
}

/** The argument of commands that read one scenario. */
export const SCENARIO = 'a name from `squall list`, or a .yaml, .json or .ts file';
/** Arguments of `Command.option` for `--json`. */
export const JSON_FLAG = ['--json', 'print one JSON document on stdout, and nothing else there'] as const;
/** Arguments of `Command.option` for `--quiet`. */
export const QUIET_FLAG = ['--quiet', 'print no progress'] as const;

/** Where runs are stored by default: in the project that one stands in. */
export const DEFAULT_OUT = join(projectFolder(), 'reports', 'runs');

/**
 * Makes a command refuse options and arguments without text, as `--commit "$NOTHING"` has, and options whose value is the next option, which
 * is how a forgotten one reads.
 */
export function requireValues(command: Command): void {
  const flags = new Set(command.options.flatMap(({ short, long }) => [short, long]));
  const requireText = (text: string) => {
    if (text.trim() === '') throw new InvalidArgumentError('Expected a value, got none.');
  };
  for (const option of command.options.filter(({ required, optional }) => required || optional)) {
    const { parseArg = text => text } = option;
    option.argParser((text: string, before: unknown) => {
      requireText(text);
      if (flags.has(text) || text.startsWith('--')) throw new InvalidArgumentError('Expected a value, got an option.');
      return parseArg(text, before);
    });
  }
  for (const argument of command.registeredArguments) {
    const { parseArg } = argument;
    argument.argParser((text: string, before: unknown): unknown => {
      requireText(text);
      if (parseArg) return parseArg(text, before);
      return argument.variadic ? [...((before as readonly string[] | undefined) ?? []), text] : text;
    });
  }
}

/** Adds `--out`: where new runs are stored, and where runs named by their id are looked up. */
export function withOut(command: Command): Command {
  return command.addOption(new Option('--out <folder>', 'folder of run directories').default(DEFAULT_OUT, DEFAULT_OUT));
}

/** Adds the options of {@link ScenarioOptions} to a command. */
export function withScenarioOptions(command: Command): Command {
  const seed =
    'seed of arrivals, prompts and, with the embedded fault proxy, jitter (toxiproxy-server draws its own jitter)';
  return withSet(command.option('--seed <n>', seed, wholeNumber(0, 0xffffffff), DEFAULT_SEED)).option(
    '--salt <text>',
    'beginning of the prompts, so that a prefix cache knows none of another run; none for prompts without (default: fresh for each run)',
    parseSalt,
  );
}

/** Adds `--set`. */
export function withSet(command: Command): Command {
  return command.addOption(
    new Option('--set <path=value>', 'override a value of the scenario, e.g. stack.inference.replicas=2 (repeatable)')
      .argParser((value: string, before: string[]) => [...before, value])
      .default([], 'none'),
  );
}

/** Adds `--header`, for requests of the load. */
export function withHeader(command: Command): Command {
  const header = 'header of every request, e.g. "api-key: env:API_KEY", read from the environment (repeatable)';
  return command.addOption(
    new Option('-H, --header <header>', header).argParser((value: string, before: readonly string[] = []) => [
      ...before,
      requireHeader(value),
    ]),
  );
}

/** Adds the options of {@link RequestOptions}. */
export function withRequestOptions(command: Command): Command {
  return withHeader(command).option(
    '--path <path>',
    "path of the requests, appended to the target's (default: that of the API, such as /v1/chat/completions)",
  );
}

/** Changes of a scenario that request options stand for, by path. */
export function requestChanges({ path, header = [] }: RequestOptions): Record<string, unknown> {
  const headers = header.map(text => /^([^:]+):\s*(.*)$/s.exec(text)!);
  return {
    ...(path === undefined ? {} : { 'load.path': path }),
    ...Object.fromEntries(headers.map(([, name, value]) => [`load.headers.${name!.toLowerCase()}`, value])),
  };
}

/** Adds `--platform`, `--out`, `--json`, `--quiet` and the options of {@link ScenarioOptions} to a command. */
export function withRunOptions(command: Command): Command {
  return withScenarioOptions(withOut(command))
    .addOption(
      new Option('--platform <kind>', 'where the stack runs')
        .choices(['process', 'docker', 'virtual', 'external'])
        .default('process'),
    )
    .option(...JSON_FLAG)
    .option(...QUIET_FLAG);
}

/** Adds the options of {@link TargetOptions}, those of metrics, and `--workers` to a command. */
export function withTargetOptions(command: Command): Command {
  return withOnlyTarget(command)
    .addOption(
      new Option(
        '--metrics <url>',
        "sample the target's own metrics (repeatable, one for each replica or exporter)",
      ).argParser((value: string, before: string[] | undefined) => [...(before ?? []), value]),
    )
    .option('--metrics-authorization <env:NAME>', 'Authorization header of these requests, from the environment')
    .option('--workers <n>', 'load generator processes, when one core is too few (default: 1)', wholeNumber(1, 64));
}

/** Adds the options of {@link TargetOptions}. */
export function withOnlyTarget(command: Command): Command {
  const target = new Option('--target <url>', 'test this OpenAI-compatible server; Squall then starts no stack');
  return withTlsOptions(withReadyWithin(command.addOption(target.implies({ platform: 'external' }))))
    .option(
      '--authorization <token>',
      `bearer token for the target, or a complete Authorization header. Other users see command lines, so better env:NAME (default: env:${AUTHORIZATION_VARIABLE}), or:`,
    )
    .option('--authorization-file <file>', 'file with that token or header, which only its owner may access')
    .option('--i-own-this-target', 'allow a target on another machine: it is mine to break');
}

/** Adds `--ready-within`. */
export function withReadyWithin(command: Command): Command {
  return command.option(
    '--ready-within <duration>',
    'time for the target to complete a first request of one token, e.g. 5m; 0s asks for none (default: 10s)',
    text => parseDurationMs(text, '--ready-within'),
  );
}

/** Adds the options of {@link ClientTls}. */
export function withTlsOptions(command: Command): Command {
  return command
    .option('--insecure', 'accept any certificate of the target')
    .option('--client-cert <file>', 'PEM certificate to present to the target')
    .option('--client-key <file>', 'PEM key of --client-cert, if it is in a file of its own');
}

/** Adds `--segment` and `--start-at`, for several machines. */
export function withSegment(command: Command): Command {
  return command
    .option('--segment <i/n>', 'generate segment i of n of the load; squall merge judges all of them', parseSegment)
    .option(
      '--start-at <time>',
      'start of the load phase, e.g. 2030-01-31T12:00:00Z, so that segments start together',
      parseInstant,
    );
}

/** Adds `--variant`. */
export function withVariant(command: Command, otherwise: string): Command {
  return command.option(
    '--variant <name>',
    `one of the variants of a scenario that has some (docs/scenarios.md; default: ${otherwise})`,
  );
}

/** Adds `--versions`, which replay commands contain. */
export function withVersions(command: Command): Command {
  return command.option(
    '--versions <list>',
    'run only with exactly these versions, as name=version,…; replay commands contain the list',
    parseVersions,
  );
}

/** Parser of an option whose value is a whole number from `min` to `max`. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return text => {
    if (!/^\d+$/.test(text) || Number(text) < min || Number(text) > max)
      throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
    return Number(text);
  };
}

function parseSalt(text: string): string {
  if (!/^[\w-]{1,64}$/.test(text)) throw new InvalidArgumentError('Expected letters, digits, dashes and underscores.');
  return text === 'none' ? '' : text;
}

/** What was found is not quoted, since it may be a key. @throws SquallError `BAD_HEADER` */
function requireHeader(text: string): string {
  if (/^[^\s:]+:\s*\S/.test(text)) return text;
  throw new SquallError('option', 'BAD_HEADER', 'Expected --header to be a name and a value, got something else', {
    next: 'Give both, such as --header "api-key: env:API_KEY".',
  });
}

const MAX_SEGMENTS = 1000;
const MAX_START_DELAY_MS = 86_400_000;

function parseSegment(text: string): { index: number; of: number } {
  const [, index = 0, of = 0] = (/^(\d+)\/(\d+)$/.exec(text) ?? []).map(Number);
  if (index < 1 || index > of || of > MAX_SEGMENTS)
    throw new InvalidArgumentError(`Expected i/n with i from 1 to n and n up to ${MAX_SEGMENTS}, such as 2/3.`);
  return { index, of };
}

function parseInstant(text: string): Date {
  const date = new Date(text);
  if (Number.isNaN(date.getTime()) || !/(Z|[+-]\d\d:?\d\d)$/i.test(text))
    throw new InvalidArgumentError('Expected a date and time with a time zone, such as 2030-01-31T12:00:00Z.');
  if (date.getTime() > Date.now() + MAX_START_DELAY_MS)
    throw new InvalidArgumentError('Expected a time within a day from now.');
  return date;
}

function parseVersions(text: string): Versions {
  const versions = parsePin(text);
  if (!versions) throw new InvalidArgumentError('Expected names and versions such as nginx=1.22.1,node=24.21.0.');
  return versions;
}
