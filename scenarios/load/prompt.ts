import type { Workload } from '../../harness/plan.ts';
import { type Random, seededRandom } from '../../harness/random.ts';

/** What one request asks for. */
export interface Prompt {
  /** ASCII, exactly `4 × promptTokens` characters. */
  readonly text: string;
  readonly promptTokens: number;
  /** Upper bound on the answer, sent as `max_tokens`. */
  readonly outputTokens: number;
}

/** Characters a token, by the counting rule of the simulated engine: a message of n characters is `ceil(n / 4)` tokens. */
export const CHARACTERS_PER_TOKEN = 4;

/**
 * The prompt of the request at `index` of the schedule. It depends on seed and index alone, not on which requests were made
 * before, so a dropped or a repeated request changes no other.
 */
export function promptOf(workload: Omit<Workload, 'model'>, seed: number, index: number): Prompt {
  const random = seededRandom(seed).stream('prompts').stream(String(index));
  const promptTokens = random.integer(...workload.promptTokens);
  const outputTokens = random.integer(...workload.outputTokens);
  return { text: wordSoup(promptTokens * CHARACTERS_PER_TOKEN, random), promptTokens, outputTokens };
}

const WORDS = (
  'a the of to and in is it for on with as at by from or an be this that which when where how why what please explain ' +
  'describe compare list show write find summary list system network storm wave river stone light cloud window garden ' +
  'engine signal pattern memory token answer question number letter story reason result method value weather history'
).split(' ');

/** Random words of exactly `length` characters; the last word is cut to fit. */
function wordSoup(length: number, random: Random): string {
  let text = '';
  while (text.length < length) text += `${random.pick(WORDS)} `;
  return text.slice(0, length);
}
