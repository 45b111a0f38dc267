import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readHistory } from '../harness/history.ts';
import { removeUnfinished, replaceFile } from '../harness/input/fresh-file.ts';
import { type JudgeInput, judge } from './judge/judge.ts';
import { renderHtml } from './render/html/render-html.ts';
import { renderJunit } from './render/junit.ts';
import { renderMarkdown } from './render/markdown.ts';
import { runMetrics, suiteMetrics } from './render/metrics/families.ts';
import { renderOpenMetrics } from './render/metrics/open-metrics.ts';
import { renderSuiteHtml } from './render/suite/html.ts';
import { renderSuiteJunit } from './render/suite/junit.ts';
import { renderSuiteMarkdown } from './render/suite/rows.ts';
import { requireUnchanged, writeChecksums } from './store/checksums.ts';
import { REQUESTS_FILE, readRequests } from './store/requests-file.ts';
import type { RenderInput } from './store/run-document.ts';
import { readSpans } from './store/spans-file.ts';
import type { SuiteDocument } from './store/suite-document.ts';

/** Files of a run directory, relative to it; `artifacts` in `run.json`. */
export const ARTIFACTS = {
  html: 'report.html',
  junit: 'junit.xml',
  markdown: 'summary.md',
  events: 'events.ndjson',
  requests: REQUESTS_FILE,
  metrics: 'metrics.txt',
} as const;

/** What a run is judged by. */
const RECORDS = [ARTIFACTS.events, ARTIFACTS.requests];

/** Reads history and requests of a stored run. @throws Error when the directory has no readable history; SquallError `CHANGED_RUN` when it is not as it was published */
export async function readRun(directory: string, signal?: AbortSignal): Promise<JudgeInput> {
  requireUnchanged(directory, RECORDS);
  const events = readHistory(join(directory, ARTIFACTS.events));
  return { events, records: await readRequests(directory, signal), spans: readSpans(directory), artifacts: ARTIFACTS };
}

/**
 * Judges a stored run from its history alone. The same directory always gives the same result.
 * @throws Error when the directory has no readable history
 */
export async function judgeDirectory(directory: string): Promise<RenderInput> {
  return judge(await readRun(directory));
}

/** Writes `run.json`, `report.html`, `junit.xml`, `summary.md`, `metrics.txt` and `SHA256SUMS` into a run directory, for this user alone; the same input gives the same bytes. */
export function publish(directory: string, input: RenderInput): void {
  const files = {
    'run.json': `${JSON.stringify(input.document, null, 2)}\n`,
    [ARTIFACTS.html]: renderHtml(input),
    [ARTIFACTS.junit]: renderJunit(input),
    [ARTIFACTS.markdown]: renderMarkdown(input),
    [ARTIFACTS.metrics]: renderOpenMetrics(runMetrics(input.document)),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text, { mode: 0o600 });
  writeChecksums(directory, RECORDS);
  removeUnfinished(directory);
}

/** Files of a suite, relative to its folder. */
export const SUITE_FILES = {
  json: 'suite.json',
  html: 'index.html',
  junit: 'junit.xml',
  markdown: 'summary.md',
  metrics: 'metrics.txt',
} as const;

/** Writes the files of a suite into its folder, none of them ever half written. */
export function publishSuite(folder: string, document: SuiteDocument): void {
  const files = {
    [SUITE_FILES.json]: `${JSON.stringify(document, null, 2)}\n`,
    [SUITE_FILES.html]: renderSuiteHtml(document),
    [SUITE_FILES.junit]: renderSuiteJunit(document),
    [SUITE_FILES.markdown]: renderSuiteMarkdown(document),
    [SUITE_FILES.metrics]: renderOpenMetrics(suiteMetrics(document)),
  };
  replaceFiles(folder, Object.entries(files));
}

/** Writes files into a folder, for this user alone, and the folders that they are in. Each replaces the one before at once. @param files by their paths in it */
export function replaceFiles(folder: string, files: Iterable<readonly [path: string, text: string]>): void {
  const folders = new Set([folder]);
  for (const [name, text] of files) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    replaceFile(path, text);
    folders.add(dirname(path));
  }
  for (const each of folders) removeUnfinished(each);
}
