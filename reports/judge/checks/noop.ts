import { checkOf, undecided } from '../check.ts';

/** Measures nothing and decides nothing: where a new kind of objective starts. Without a word nobody can ask for it. */
export const check = checkOf({
  kind: 'noop',
  words: [],
  parse: statement => statement.atMost(''),
  format: (_objective, limit) => `noop ${limit}`,
  judge: (_objective, { requests }) => undecided('inconclusive', 'This check measures nothing.', requests.length),
});
