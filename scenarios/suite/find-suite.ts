import { existsSync } from 'node:fs';
import { relative } from 'node:path';
import { messageOf, SquallError } from '../../harness/errors.ts';
import { importModule, moduleNames } from '../../harness/host/modules.ts';
import { pathFrom } from '../../harness/input/files.ts';
import { didYouMean } from '../../reports/nearest.ts';
import { catalogTags, isFile, readDefinition, unreadable } from '../find.ts';
import { requirePlain } from '../input/plain.ts';
import { type ResolvedSuite, type Suite, validateSuite } from './suite.ts';

const SUITES = new URL('../suites/', import.meta.url);

/** A suite, and the names or paths of its scenarios. */
export interface FoundSuite {
  /** Its name or path, as given. */
  readonly source: string;
  readonly suite: ResolvedSuite;
  /** In the order of the suite, each once. Paths are relative to the current folder. */
  readonly scenarios: readonly string[];
}

/** Names of the suites that Squall has, sorted. */
export function suiteNames(): string[] {
  return moduleNames(SUITES);
}

/**
 * Finds a suite by its name, or by the path of a YAML, JSON or TypeScript file.
 * @throws SquallError `UNKNOWN_SUITE` with the nearest name, `UNREADABLE_SUITE`, `BAD_SUITE`
 */
export async function findSuite(nameOrPath: string): Promise<FoundSuite> {
  const known = suiteNames();
  if (known.includes(nameOrPath)) {
    const module = await importModule<{ readonly default: Suite }>(SUITES, nameOrPath);
    return selected(nameOrPath, module.default, '.');
  }
  if (!isFile(nameOrPath))
    throw new SquallError(
      'scenario',
      'UNKNOWN_SUITE',
      `Expected a suite of Squall (${known.join(', ')}) or a file, got "${nameOrPath}"${didYouMean(nameOrPath, known)}`,
      { next: 'Run `squall list` for the suites, or give the path of a .yaml, .json or .ts file.' },
    );
  const { raw, folder } = await readDefinition(nameOrPath, {
    noun: 'suite',
    shape: '{ name: …, why: …, scenarios: […] }',
  });
  try {
    requirePlain(raw);
  } catch (error) {
    throw unreadable(nameOrPath, messageOf(error), error, 'suite');
  }
  return selected(nameOrPath, raw, folder);
}

function selected(source: string, raw: unknown, folder: string): FoundSuite {
  const suite = validateSuite(raw, source);
  const select = (field: 'scenarios' | 'except') =>
    suite[field].flatMap((selector, index) => selection(selector, `${field}[${index}]`, source, folder));
  const left = new Set(select('except'));
  const scenarios = [...new Set(select('scenarios'))].filter(name => !left.has(name));
  if (scenarios.length === 0) throw badSuite(source, 'except', 'to leave at least one scenario', suite.except);
  return { source, suite, scenarios };
}

/** Scenarios that a selector means. @throws SquallError `BAD_SUITE` for none */
function selection(selector: string, field: string, source: string, folder: string): string[] {
  const tags = catalogTags();
  const names = [...tags.keys()];
  const tag = /^tag:(.*)$/.exec(selector)?.[1];
  if (tag !== undefined) {
    const found = names.filter(name => tags.get(name) === tag);
    if (found.length > 0) return found;
    const known = [...new Set(tags.values())].sort();
    throw badSuite(source, field, `a tag of the catalogue (${known.join(', ')})`, selector, didYouMean(tag, known));
  }
  if (names.includes(selector)) return [selector];
  if (/[/\\]|\.(ya?ml|json|[mc]?[jt]s)$/.test(selector)) {
    const path = relative('.', pathFrom(selector, folder));
    if (!existsSync(path)) throw badSuite(source, field, 'a file that exists', selector);
    return [/[/\\]/.test(path) ? path : `./${path}`];
  }
  if (!/[*?]/.test(selector))
    throw badSuite(
      source,
      field,
      'a scenario of the catalogue (`squall list`), a pattern, a tag or a file',
      selector,
      didYouMean(selector, names),
    );
  const pattern = new RegExp(`^${selector.replaceAll(/[^\w-]/g, patternOf)}$`);
  const found = names.filter(name => pattern.test(name));
  if (found.length === 0)
    throw badSuite(source, field, 'a pattern that a scenario of the catalogue has (`squall list`)', selector);
  return found;
}

/** `*` stands for any characters, `?` for one, all others for themselves. */
function patternOf(character: string): string {
  return { '*': '.*', '?': '.' }[character] ?? `\\${character}`;
}

function badSuite(source: string, field: string, expected: string, found: unknown, hint = ''): SquallError {
  const message = `${source} is not a suite:\n  - \`${field}\`: expected ${expected}, found ${JSON.stringify(found)}${hint}`;
  return new SquallError('scenario', 'BAD_SUITE', message, { next: `Correct \`${field}\` in the suite.` });
}
