import type { VariantsDocument } from '../../store/variants-document.ts';
import { oneLine } from '../cells.ts';
import { markdownTable, markdownText, type Rows } from '../rows.ts';
import {
  blindTexts,
  columnsOf,
  differenceText,
  estimateText,
  explanations,
  frontierText,
  resultText,
  slosOf,
  sloText,
} from './cells.ts';

/** The table of a comparison: a row a variant. */
export function variantRows(document: VariantsDocument): Rows {
  const columns = columnsOf(document);
  return [
    ['Variant', 'Result', ...columns.map(({ heading }) => heading), 'Frontier'],
    ...document.variants.map(variant => [
      variant.name,
      resultText(variant),
      ...columns.map(column => estimateText(variant.figures[column.name], column)),
      frontierText(variant),
    ]),
  ];
}

/** Differences to the first variant: a row for each of the others; the headings alone for a single variant. */
export function differenceRows(document: VariantsDocument): Rows {
  const columns = columnsOf(document);
  return [
    [`Against ${document.variants[0]!.name}`, ...columns.map(({ heading }) => heading)],
    ...document.variants
      .slice(1)
      .map(({ name, differences }) => [
        name,
        ...columns.map(column => differenceText(differences?.[column.name] ?? null, column)),
      ]),
  ];
}

/** SLOs over the seeds: a row an SLO, a column a variant. */
export function sloRows(document: VariantsDocument): Rows {
  return [
    ['SLO', 'Objective', ...document.variants.map(({ name }) => name)],
    ...slosOf(document).map(({ name, objective }) => [
      name,
      objective,
      ...document.variants.map(variant => sloText(document, variant.name, name)),
    ]),
  ];
}

/** `summary.md` of a comparison. */
export function renderVariantsMarkdown(document: VariantsDocument): string {
  const { scenario, why, platform, seeds, replay, interrupted } = document;
  const fence = '`'.repeat(3);
  const sections = [
    `# Variants of ${markdownText(scenario)}`,
    markdownText(why),
    interrupted ? '**Interrupted:** runs that had not ended are missing.' : '',
    markdownTable(variantRows(document)),
    document.variants.length > 1 ? markdownTable(differenceRows(document)) : '',
    markdownTable(sloRows(document)),
    [...blindTexts(document), ...explanations(document)].map(oneLine).join('\n\n'),
    `On ${platform}, seeds ${seedsText(seeds)}. Repeat with:\n\n${fence}sh\n${oneLine(replay)}\n${fence}`,
  ];
  return `${sections.filter(part => part !== '').join('\n\n')}\n`;
}

/** `42` or `42 to 51`. */
export function seedsText(seeds: readonly number[]): string {
  return seeds.length === 1 ? String(seeds[0]) : `${seeds[0]} to ${seeds.at(-1)}`;
}
