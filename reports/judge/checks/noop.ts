import { checkOf, undecided } from '../check.ts';

/** Measures and decides nothing: a template for a new kind of objective. Without a word no scenario can use it. */
export const check = checkOf({
  kind: 'noop',
  words: [],
  parse: statement => statement.atMost(''),
  judge: (_objective, { requests }) => undecided('inconclusive', 'This check measures nothing.', requests.length),
});
