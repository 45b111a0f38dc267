import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseDocument } from 'yaml';
import { messageOf, SquallError } from '../harness/errors.ts';
import { didYouMean } from './validate.ts';

const CATALOG = new URL('./catalog/', import.meta.url);

/** A scenario as it was written, not validated yet, and where. */
export interface FoundScenario {
  readonly source: string;
  readonly raw: unknown;
}

/** Names of the scenarios that come with the project: one for each file in `scenarios/catalog/`. */
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
  if (catalogNames().includes(nameOrPath)) return importScenario(new URL(`${nameOrPath}.ts`, CATALOG).href, nameOrPath);
  const path = resolve(nameOrPath);
  if (!existsSync(path) || !statSync(path).isFile()) {
    const known = catalogNames();
    throw new SquallError(
      'scenario',
      'UNKNOWN_SCENARIO',
      `Expected a scenario of the catalogue (${known.join(', ')}) or a file, got "${nameOrPath}"${didYouMean(nameOrPath, known)}`,
      { next: 'Run `squall list` to see every scenario, or give the path of a .yaml, .json or .ts file.' },
    );
  }
  if (/\.[mc]?[jt]s$/.test(path)) return importScenario(pathToFileURL(path).href, nameOrPath);
  const document = parseDocument(readFileSync(path, 'utf8'), { prettyErrors: true });
  const problem = document.errors[0];
  if (problem) throw unreadable(nameOrPath, problem.message, problem);
  return { source: nameOrPath, raw: document.toJS() };
}

async function importScenario(url: string, source: string): Promise<FoundScenario> {
  try {
    const module = (await import(url)) as { default?: unknown };
    return { source, raw: module.default };
  } catch (error) {
    throw unreadable(source, messageOf(error), error);
  }
}

function unreadable(source: string, why: string, cause: unknown): SquallError {
  return new SquallError('scenario', 'UNREADABLE_SCENARIO', `Expected ${source} to be a scenario file, but: ${why}`, {
    cause,
    next: 'Correct the file; `squall schema` prints the JSON Schema that editors can check it with.',
  });
}
