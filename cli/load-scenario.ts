import { thisMachine } from '../harness/host/network.ts';
import { formatDuration } from '../harness/quantity.ts';
import type { FoundScenario } from '../scenarios/find.ts';
import { type LoadedScenario, type LoadOptions, loadScenario as load } from '../scenarios/load-scenario.ts';
import { parseOverrides } from '../scenarios/override.ts';
import { quoted } from '../scenarios/quoted.ts';
import { externalTarget, type TargetOptions } from '../scenarios/target/target.ts';
import { DEFAULT_OUT, type RequestOptions, type RunOptions, requestChanges, type ScenarioOptions } from './options.ts';
import { say } from './terminal.ts';

/**
 * Loads a scenario as the options say, and checks the target if there is one.
 * @param from a name or a path, or a scenario that was found
 * @param changes further overrides, such as those of a proof
 * @param environment null if the load runs elsewhere, where its headers are read from another environment
 */
export async function loadScenario(
  from: string | FoundScenario,
  options: ScenarioOptions & Partial<RunOptions>,
  signal: AbortSignal,
  changes: Readonly<Record<string, unknown>> = {},
  environment?: null,
): Promise<LoadedScenario> {
  const external = await externalTarget(options, thisMachine, signal);
  const where = environment === undefined ? {} : { environment };
  const source = typeof from === 'string' ? from : from.source;
  const loaded = await load(from, { ...loadOptionsOf(source, options, changes), ...where, external, signal });
  if (loaded.models && !options.quiet) say(process.stderr, modelLine(loaded.models));
  return loaded;
}

/**
 * What the options say about loading a scenario, but for its target; plain JSON in virtual time.
 * @param source name or path of the scenario
 * @param changes further overrides, such as those of a proof
 */
export function loadOptionsOf(
  source: string,
  options: ScenarioOptions & Partial<RunOptions>,
  changes: Readonly<Record<string, unknown>> = {},
): LoadOptions {
  const { seed, platform = 'process', workers, segment, startAt, metrics, metricsAuthorization, dryRun } = options;
  const ofProof = Object.keys(changes).map(path => [path, `\`set.${path}\` of the proof`]);
  return {
    ...{ seed, platform, workers, segment, startAt, metrics, metricsAuthorization },
    variant: options.variant,
    changes: { ...parseOverrides(options.set), ...requestChanges(options), ...changes },
    given: { ...givenBy(options), ...Object.fromEntries(ofProof) },
    replay: replayCommand(source, options, changes),
    asksModel: !dryRun,
  };
}

/** The options that stand for changes, as the user wrote them; of a header only its name, since its value may be a key. */
function givenBy({ path, header = [] }: RequestOptions): Record<string, string> {
  const names = header.map(text => text.split(':', 1)[0]!.trim());
  return {
    ...(path === undefined ? {} : { 'load.path': `--path ${path}` }),
    ...Object.fromEntries(names.map(name => [`load.headers.${name.toLowerCase()}`, `--header ${name}`])),
  };
}

function modelLine([first, ...others]: readonly string[]): string {
  return `model  ${first}, ${others.length === 0 ? 'which' : `the first of ${others.length + 1} that`} the target lists (load.model names another)`;
}

/** The command that repeats a run, without the authorization, since reports show the command. */
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
  for (const url of options.metrics ?? []) words.push('--metrics', url);
  if (options.metricsAuthorization) words.push('--metrics-authorization', options.metricsAuthorization);
  words.push(...targetWords(options));
  if (options.path !== undefined) words.push('--path', options.path);
  for (const header of options.header ?? []) words.push('--header', header);
  if (options.workers !== undefined && options.workers > 1) words.push('--workers', String(options.workers));
  if (options.segment) words.push('--segment', `${options.segment.index}/${options.segment.of}`);
  if (out !== DEFAULT_OUT) words.push('--out', out);
  for (const set of sets) words.push('--set', set);
  return words.map(quoted).join(' ');
}

/** How a target is reached, as words of a command; without the authorization. */
export function targetWords({ iOwnThisTarget, readyWithin, insecure, clientCert, clientKey }: TargetOptions): string[] {
  return [
    ...(iOwnThisTarget ? ['--i-own-this-target'] : []),
    ...(readyWithin === undefined ? [] : ['--ready-within', formatDuration(readyWithin)]),
    ...(insecure ? ['--insecure'] : []),
    ...(clientCert === undefined ? [] : ['--client-cert', clientCert]),
    ...(clientKey === undefined ? [] : ['--client-key', clientKey]),
  ];
}
