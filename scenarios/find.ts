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
    const raw = await importDefault(file.href, nameOrPath);
    const { covers = [], ...rest } = raw as Scenario;
    return { source: nameOrPath, raw: { ...rest, covers: withTexts(covers) }, folder: projectFolder() };
  }
  const path = pathFrom(nameOrPath);
  if (!existsSync(path) && !/[/\\]|\.(ya?ml|json|[mc]?[jt]s)$/.test(nameOrPath)) {
    const known = catalogNames();
    throw new SquallError(
      'scenario',
      'UNKNOWN_SCENARIO',
      `Expected a scenario of the catalogue (${known.join(', ')}) or a file, got "${nameOrPath}"${didYouMean(nameOrPath, known)}`,
      { next: 'Run `squall list` for the scenarios of the catalogue, or give the path of a .yaml, .json or .ts file.' },
    );
  }
  const folder = dirname(path);
  const text = textOf(nameOrPath, path);
  if (/\.[mc]?[jt]s$/.test(path))
    return { source: nameOrPath, raw: await importDefault(pathToFileURL(path).href, nameOrPath), folder };
  try {
    const raw = await interruptible(() => parseYaml(text));
    if (raw !== null) return { source: nameOrPath, raw, folder };
  } catch (error) {
    throw unreadable(nameOrPath, messageOf(error), error);
  }
  throw unreadable(nameOrPath, 'it is empty');
}

function textOf(nameOrPath: string, path: string): string {
  try {
    return readText(path, MAX_BYTES);
  } catch (error) {
    const isMissing = ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
    const found = isMissing ? 'found no such file' : `but: ${messageOf(error)}`;
    throw new SquallError(
      'scenario',
      isMissing ? 'UNKNOWN_SCENARIO' : 'UNREADABLE_SCENARIO',
      `Expected ${nameOrPath} to be a scenario file, ${found}`,
      {
        cause: error,
        next: `Correct the path, which resolves to ${path}, or run \`squall list\` for the scenarios of the catalogue.`,
      },
    );
  }
}

/** The default export of a module. It may compute for as long as {@link MAX_IMPORT_MS}, and be interrupted even where it never waits. */
async function importDefault(url: string, source: string): Promise<unknown> {
  const limit = Promise.withResolvers<never>();
  const late = new Error(`it does not end within ${MAX_IMPORT_MS / 1000} s`);
  const unlimit = systemClock.after(MAX_IMPORT_MS, () => limit.reject(late));
  const module: { default?: unknown } = await interruptible(() => Promise.race([import(url), limit.promise]))
    .catch(error => {
      throw unreadable(source, messageOf(error), error);
    })
    .finally(unlimit);
  if (module.default === undefined)
    throw unreadable(source, 'it has no default export; write `export default { name: …, why: …, load: …, slos: … }`');
  return module.default;
}

/** The error of a file, or of a program's export, that cannot be read as a scenario. */
export function unreadable(source: string, why: string, cause?: unknown): SquallError {
  const words = why.slice(0, 1000);
  return new SquallError('scenario', 'UNREADABLE_SCENARIO', `Expected ${source} to be a scenario file, but: ${words}`, {
    cause,
    next: 'Correct the file; `squall schema` prints its JSON Schema, which editors can check it against.',
  });
}
