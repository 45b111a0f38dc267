import type { RunningStack } from './contracts.ts';
import type { LoadNote } from './requests.ts';

/** Failures of requests whose connections were refused behind a link: their clients see a reset, and only the link knows why. */
export function refusalNotes({
  entries,
  links,
  refusals,
}: Pick<RunningStack, 'entries' | 'links' | 'refusals'>): LoadNote[] {
  const isEntry = (name: string) =>
    links.some(({ name: link, listen }) => link === name && entries.some(entry => new URL(entry).host === listen));
  return (refusals?.() ?? [])
    .filter(({ link }) => isEntry(link))
    .map(({ link, count, reason }) => ({
      type: 'failure',
      name: 'reset',
      count,
      example: `connection refused behind ${link}, whose proxy had accepted it (${reason})`,
    }));
}
