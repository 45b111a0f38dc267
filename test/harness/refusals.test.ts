import { expect, it } from 'vitest';
import { refusalNotes } from '../../harness/refusals.ts';

it('says of resets that a link was refused them, if it is one that clients use', () => {
  const reason = 'dial tcp 127.0.0.1:2: connect: connection refused';
  const links = [
    { name: 'client→target', listen: '127.0.0.1:1' },
    { name: 'gateway→inference-1', listen: '127.0.0.1:3' },
  ].map(link => ({ ...link, upstream: '', protocol: 'http' as const, to: '', fromZone: undefined }));
  const refusals = () => links.map(({ name }) => ({ link: name, count: 4, reason }));
  const example = `connection refused behind client→target, whose proxy had accepted it (${reason})`;
  const notes = [{ type: 'failure', name: 'reset', count: 4, example }];
  expect(refusalNotes({ entries: ['https://127.0.0.1:1/v1'], links, refusals })).toEqual(notes);
  expect(refusalNotes({ entries: ['https://127.0.0.1:1/v1'], links, refusals: () => [] })).toEqual([]);
  expect(refusalNotes({ entries: ['http://127.0.0.1:1'], links })).toEqual([]);
});
