import type { CompareDocument } from '../../store/compare-document.ts';
import { markdownTable, markdownText } from '../rows.ts';
import { conclusion, explanations, indicatorRows, settingRows } from './rows.ts';

/** `compare.md`: a comparison as a comment on a change. */
export function renderCompareMarkdown(document: CompareDocument): string {
  const { scenario, platform, base, candidate, changed, incomparable, indicators } = document;
  const ids = ({ runs }: CompareDocument['base']) => runs.map(({ id }) => id).join(', ');
  const sections = [
    `# ${markdownText(scenario)} on ${platform}: ${markdownText(conclusion(document))}`,
    indicators.length > 0 ? markdownTable(indicatorRows(document)) : '',
    incomparable.length > 0 ? markdownTable(settingRows(incomparable)) : '',
    changed.length > 0 ? `What differs in the stack:\n\n${markdownTable(settingRows(changed))}` : '',
    explanations(document).map(markdownText).join('\n\n'),
    `Base: ${markdownText(ids(base))}. Candidate: ${markdownText(ids(candidate))}.`,
  ];
  return `${sections.filter(part => part !== '').join('\n\n')}\n`;
}
