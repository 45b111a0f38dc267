import type { CompareDocument } from '../../store/compare-document.ts';
import type { SuiteChange, SuiteDocument } from '../../store/suite-document.ts';
import { revisionText } from '../cells.ts';
import { renderCompareMarkdown } from '../compare/markdown.ts';
import { html } from '../html/html.ts';
import { renderPage } from '../html/page.ts';
import { verdictSign } from '../html/verdict-sign.ts';
import { markdownTable, markdownText } from '../rows.ts';
import { changesTable } from './html.ts';
import { changeRows } from './rows.ts';
import { CHANGE_WORDS } from './texts.ts';

/** Changes of a suite against an earlier one. */
export type Changes = NonNullable<SuiteDocument['baseline']>;

/** `compare.json` of two suites. */
export interface ChangesDocument extends Changes {
  readonly schema: 1;
  readonly candidate: string;
}

/** Comparisons shown whole in a comment, so that it stays one that a forge accepts. */
const MAX_SHOWN = 10;

/** What changed, in one sentence: `2 of 9 are worse than nightly-suite-…: a on virtual, b on docker.` */
export function changesSentence({ id, revision, changes }: Changes): string {
  const base = revision ? `${id} (${revisionText(revision)})` : id;
  const worse = changes.filter(({ change }) => change === 'regression');
  const names = worse.map(({ scenario, platform }) => `${scenario} on ${platform}`).join(', ');
  if (worse.length > 0)
    return `${worse.length} of ${changes.length} ${worse.length === 1 ? 'is' : 'are'} worse than ${base}: ${names}.`;
  const counts = Object.entries(CHANGE_WORDS).flatMap(([change, words]) => {
    const count = changes.filter(own => own.change === change).length;
    return count > 0 ? [`${count} ${words.slice(2)}`] : [];
  });
  return `Against ${base}: ${counts.join(', ') || 'nothing to compare'}.`;
}

/** All of them together: nothing is fine that was not compared, or shows nothing. */
export function changesStatus({ changes }: Changes): 'pass' | 'fail' | 'inconclusive' | 'invalid' {
  const has = (...kinds: readonly SuiteChange['change'][]) => changes.some(({ change }) => kinds.includes(change));
  if (has('regression')) return 'fail';
  if (has('incomparable', 'invalid', 'unreadable')) return 'invalid';
  return has('no-evidence', 'new', 'gone') || changes.length === 0 ? 'inconclusive' : 'pass';
}

/**
 * `compare.md`: the changes of a suite as a comment on a change of the code.
 * @param worse comparisons that found a regression, whose tables are folded in
 */
export function renderChangesMarkdown(changes: Changes, worse: readonly CompareDocument[]): string {
  const folded = worse.slice(0, MAX_SHOWN).map(document => {
    const title = `${document.scenario} on ${document.platform}`;
    return `<details><summary>${title}</summary>\n\n${renderCompareMarkdown(document)}\n</details>`;
  });
  const more = worse.length > MAX_SHOWN ? [`… and ${worse.length - MAX_SHOWN} more.`] : [];
  const table = changes.changes.length > 0 ? [markdownTable(changeRows({ baseline: changes }))] : [];
  return `${[`# ${markdownText(changesSentence(changes))}`, ...table, ...folded, ...more].join('\n\n')}\n`;
}

/** `compare.html` of two suites: a row for each scenario on each platform. */
export function renderChangesHtml({ candidate, ...changes }: ChangesDocument): string {
  const status = changesStatus(changes);
  return renderPage({
    title: `Comparison of ${candidate}`,
    banner: html`<header class="banner ${status}">
<p class="verdict">${verdictSign(status)}</p>
<h1>${candidate}</h1>
<p class="summary">${changesSentence(changes)}</p>
</header>`,
    sections: [['changes', `Against ${changes.id}`, changesTable({ baseline: changes })]],
  });
}
