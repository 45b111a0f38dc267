import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseDocument } from 'yaml';
import { messageOf, SquallError } from '../harness/errors.ts';
import { didYouMean } from '../reports/nearest.ts';
import { withTexts } from './requirements.ts';
import type { Scenario } from './scenario.ts';

/** The checkout; for an installed package the current folder. */
export const HOME = import.meta.dirname.includes('node_modules') ? process.cwd() : resolve(import.meta.dirname, '..');

const CATALOG = new URL('./catalog/', import.meta.url);

/** A scenario that has not been validated. */
export interface FoundScenario {
  /** Name or path, for messages. */
  readonly source: string;
  readonly raw: unknown;
  /** Base of its relative paths. */
  readonly folder: string;
}

/** Names of the catalogue's scenarios: one for each file in `scenarios/catalog/`. */
export function catalogNames(): string[] {
  return readdirSync(CATALOG)
    .map(file => basename(file, extname(file)))
    .sort();
}

/**
 * Finds a scenario by its name in the catalogue, or by the path of a YAML, JSON or TypeScript file.
 * @throws SquallError `UNKNOWN_SCENARIO` with the nearest name, or `UNREADABLE_SCENARIO`
 */
export async function findScenario(nameOrPath: string): Promise<FoundScenario> {
  if (catalogNames().includes(nameOrPath)) {
    const raw = await importDefault(new URL(`${nameOrPath}.ts`, CATALOG).href, nameOrPath);
    const { covers = [], ...rest } = raw as Scenario;
    return { source: nameOrPath, raw: { ...rest, covers: withTexts(covers) }, folder: HOME };
  }
  const path = resolve(nameOrPath);
  if (!existsSync(path) || !statSync(path).isFile()) {
    if (/[/\\]|\.(ya?ml|json|[mc]?[jt]s)$/.test(nameOrPath)) throw noFile(nameOrPath, path);
    const known = catalogNames();
    throw new SquallError(
      'scenario',
      'UNKNOWN_SCENARIO',
      `Expected a scenario of the catalogue (${known.join(', ')}) or a file, got "${nameOrPath}"${didYouMean(nameOrPath, known)}`,
      { next: 'Run `squall list` for the scenarios of the catalogue, or give the path of a .yaml, .json or .ts file.' },
    );
  }
  const folder = dirname(path);
  if (/\.[mc]?[jt]s$/.test(path))
    return { source: nameOrPath, raw: await importDefault(pathToFileURL(path).href, nameOrPath), folder };
  const document = parseDocument(readFileSync(path, 'utf8'), { prettyErrors: true });
  const problem = document.errors[0];
  if (problem) throw unreadable(nameOrPath, problem.message, problem);
  const raw: unknown = document.toJS();
  if (raw === null) throw unreadable(nameOrPath, 'it is empty');
  return { source: nameOrPath, raw, folder };
}

async function importDefault(url: string, source: string): Promise<unknown> {
  const module: { default?: unknown } = await import(url).catch(error => {
    throw unreadable(source, messageOf(error), error);
  });
  if (module.default === undefined)
    throw unreadable(source, 'it has no default export; write `export default { name: …, why: …, load: …, slos: … }`');
  return module.default;
}

function noFile(nameOrPath: string, path: string): SquallError {
  const found = existsSync(path) ? 'found something else' : 'found no such file';
  return new SquallError('scenario', 'UNKNOWN_SCENARIO', `Expected ${nameOrPath} to be a scenario file, ${found}`, {
    next: `Correct the path, which resolves to ${path}, or run \`squall list\` for the scenarios of the catalogue.`,
  });
}

function unreadable(source: string, why: string, cause?: unknown): SquallError {
  return new SquallError('scenario', 'UNREADABLE_SCENARIO', `Expected ${source} to be a scenario file, but: ${why}`, {
    cause,
    next: 'Correct the file; `squall schema` prints its JSON Schema, which editors can check it against.',
  });
}
