import { existsSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { systemClock } from '../harness/clock.ts';
import { messageOf, SquallError } from '../harness/errors.ts';
import { interruptible } from '../harness/host/interrupts.ts';
import { EXTENSION, moduleNames } from '../harness/host/modules.ts';
import { projectFolder } from '../harness/host/programs.ts';
import { pathFrom, readText } from '../harness/input/files.ts';
import { didYouMean } from '../reports/nearest.ts';
import { parseYaml } from './input/yaml.ts';
import { withTexts } from './requirements.ts';
import type { Scenario } from './scenario.ts';

const CATALOG = new URL('./catalog/', import.meta.url);

/** Maximum size of a scenario file. Longer distributions and traces have files of their own. */
const MAX_BYTES = 256 * 1024;
const MAX_IMPORT_MS = 10_000;

/** A scenario that has not been validated. */
export interface FoundScenario {
  /** Name or path, for messages. */
  readonly source: string;
  readonly raw: unknown;
  /** Base of its relative paths. */
  readonly folder: string;
}

/** Files of the catalogue by the scenario's name: one for each in `scenarios/catalog/`, in whichever of its folders. */
function catalogFiles(): ReadonlyMap<string, URL> {
  const files = moduleNames(CATALOG, 'deep').map(
    path => [basename(path), new URL(`${path}${EXTENSION}`, CATALOG)] as const,
  );
  return new Map(files.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Tags of the catalogue's scenarios by name, sorted by name: the folder of each, such as `attacks`. */
export function catalogTags(): ReadonlyMap<string, string> {
  const tags = moduleNames(CATALOG, 'deep').map(path => [basename(path), dirname(path)] as const);
  return new Map(tags.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Names of the catalogue's scenarios, sorted. */
export function catalogNames(): string[] {
  return [...catalogFiles().keys()];
}

/**
 * Finds a scenario by its name in the catalogue, or by the path of a YAML, JSON or TypeScript file.
 * @throws SquallError `UNKNOWN_SCENARIO` with the nearest name, or `UNREADABLE_SCENARIO`, also for a file above 256 KiB
 */
export async function findScenario(nameOrPath: string): Promise<FoundScenario> {
  const file = catalogFiles().get(nameOrPath);
  if (file) {
    const raw = await importDefault(file.href, nameOrPath, SCENARIO);
    const { covers = [], ...rest } = raw as Scenario;
    return { source: nameOrPath, raw: { ...rest, covers: withTexts(covers) }, folder: projectFolder() };
  }
  const known = catalogNames();
  if (!isFile(nameOrPath))
    throw new SquallError(
      'scenario',
      'UNKNOWN_SCENARIO',
      `Expected a scenario of the catalogue (${known.join(', ')}) or a file, got "${nameOrPath}"${didYouMean(nameOrPath, known)}`,
      { next: 'Run `squall list` for the scenarios of the catalogue, or give the path of a .yaml, .json or .ts file.' },
    );
  return readDefinition(nameOrPath, SCENARIO);
}

/** What a file defines, and how messages speak of it. */
export interface Definition {
  readonly noun: 'scenario' | 'suite';
  /** An example, in TypeScript. */
  readonly shape: string;
}

const SCENARIO: Definition = { noun: 'scenario', shape: '{ name: …, why: …, load: …, slos: … }' };

/** Whether a word means a file rather than a name: there is one, or it looks like the path of one. */
export function isFile(nameOrPath: string): boolean {
  return /[/\\]|\.(ya?ml|json|[mc]?[jt]s)$/.test(nameOrPath) || existsSync(pathFrom(nameOrPath));
}

/**
 * Reads a YAML, JSON or TypeScript file; what it holds is not validated.
 * @throws SquallError `UNKNOWN_SCENARIO` (or `_SUITE`) for none, `UNREADABLE_SCENARIO` (or `_SUITE`), also for a file above 256 KiB
 */
export async function readDefinition(written: string, { noun, shape }: Definition): Promise<FoundScenario> {
  const path = pathFrom(written);
  const folder = dirname(path);
  const text = textOf(written, path, noun);
  if (/\.[mc]?[jt]s$/.test(path))
    return { source: written, raw: await importDefault(pathToFileURL(path).href, written, { noun, shape }), folder };
  try {
    const raw = await interruptible(() => parseYaml(text));
    if (raw !== null) return { source: written, raw, folder };
  } catch (error) {
    throw unreadable(written, messageOf(error), error, noun);
  }
  throw unreadable(written, 'it is empty', undefined, noun);
}

function textOf(nameOrPath: string, path: string, noun: Definition['noun']): string {
  try {
    return readText(path, MAX_BYTES);
  } catch (error) {
    const isMissing = ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
    const found = isMissing ? 'found no such file' : `but: ${messageOf(error)}`;
    throw new SquallError(
      'scenario',
      `${isMissing ? 'UNKNOWN' : 'UNREADABLE'}_${noun.toUpperCase()}`,
      `Expected ${nameOrPath} to be a ${noun} file, ${found}`,
      {
        cause: error,
        next: `Correct the path, which resolves to ${path}, or run \`squall list\` for those that Squall has.`,
      },
    );
  }
}

/** The default export of a module. It may compute for as long as {@link MAX_IMPORT_MS}, and be interrupted even where it never waits. */
async function importDefault(url: string, source: string, { noun, shape }: Definition): Promise<unknown> {
  const limit = Promise.withResolvers<never>();
  const late = new Error(`it does not end within ${MAX_IMPORT_MS / 1000} s`);
  const unlimit = systemClock.after(MAX_IMPORT_MS, () => limit.reject(late));
  const module: { default?: unknown } = await interruptible(() => Promise.race([import(url), limit.promise]))
    .catch(error => {
      throw unreadable(source, messageOf(error), error, noun);
    })
    .finally(unlimit);
  if (module.default === undefined)
    throw unreadable(source, `it has no default export; write \`export default ${shape}\``, undefined, noun);
  return module.default;
}

/** The error of a file, or of a program's export, that cannot be read as a scenario or as a suite. */
export function unreadable(
  source: string,
  why: string,
  cause?: unknown,
  noun: Definition['noun'] = 'scenario',
): SquallError {
  const words = why.slice(0, 1000);
  const message = `Expected ${source} to be a ${noun} file, but: ${words}`;
  return new SquallError('scenario', `UNREADABLE_${noun.toUpperCase()}`, message, {
    cause,
    next: `Correct the file; \`squall schema${noun === 'suite' ? ' --suite' : ''}\` prints its JSON Schema, which editors can check it against.`,
  });
}
