import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ComparableRun } from '../../reports/judge/compare/compare.ts';
import { factsOf } from '../../reports/judge/fold.ts';
import { renderCompareHtml } from '../../reports/render/compare/html.ts';
import { renderCompareMarkdown } from '../../reports/render/compare/markdown.ts';
import type { CompareDocument } from '../../reports/store/compare-document.ts';
import { judgeStored } from './report.ts';

/** Writes `compare.json`, `compare.html` and `compare.md` into a folder, for this user alone. */
export function writeComparison(directory: string, document: CompareDocument): void {
  const files = {
    'compare.json': `${JSON.stringify(document, null, 2)}\n`,
    'compare.html': renderCompareHtml(document),
    'compare.md': renderCompareMarkdown(document),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text, { mode: 0o600 });
}

/** Runs of these directories, by their seeds. @throws SquallError `BAD_RUN` */
export async function comparableRuns(directories: readonly string[]): Promise<ComparableRun[]> {
  const runs: ComparableRun[] = [];
  for (const directory of directories)
    runs.push(
      await judgeStored(directory, ({ document, plan }, { events, records }) => ({
        document,
        facts: factsOf(plan, events, records),
      })),
    );
  return runs.sort((a, b) => a.document.seed - b.document.seed);
}
