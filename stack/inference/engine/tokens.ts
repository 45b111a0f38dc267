import { createHash } from 'node:crypto';
import type { Random } from '../../../harness/random.ts';
import type { ChatMessage } from '../bodies.ts';

/** Tokens of a chat template around one message (`<|im_start|>role\n … <|im_end|>\n`). */
const TOKENS_PER_MESSAGE = 4;
/** Tokens that open the answer (`<|im_start|>assistant\n`). */
const TOKENS_TO_OPEN = 3;

/**
 * Length of a prompt in tokens. There is no tokenizer: four characters (UTF-16 units) count as one token, rounded up for
 * each message, plus 4 a message and 3 for the answer's opening. A bare text (no chat) is `ceil(characters / 4)`, at least 1;
 * a list of token ids is as long as it is.
 */
export function countTokens(prompt: string | readonly number[] | readonly ChatMessage[]): number {
  if (typeof prompt === 'string') return Math.max(1, Math.ceil(prompt.length / 4));
  let tokens = 0;
  let chat = false;
  for (const part of prompt) {
    if (typeof part === 'number') tokens += 1;
    else {
      chat = true;
      tokens += Math.ceil(textOf(part).length / 4) + TOKENS_PER_MESSAGE;
    }
  }
  return chat ? tokens + TOKENS_TO_OPEN : Math.max(1, tokens);
}

/** The text of a message; parts that are not text (images) count as nothing. */
export function textOf({ content }: ChatMessage): string {
  if (typeof content === 'string') return content;
  return (content ?? []).map(part => part.text ?? '').join('');
}

/**
 * The answer to a prompt, one word per token: the same for the same seed and prompt. Words are plain ASCII letters with
 * a leading space (but the first), so they can stand in JSON as they are.
 */
export function answerWords(random: Random, prompt: unknown): (index: number) => string {
  const stream = random.stream(createHash('sha256').update(JSON.stringify(prompt)).digest('base64'));
  return index => (index === 0 ? stream.pick(WORDS) : ` ${stream.pick(WORDS)}`);
}

const WORDS = (
  'a all also and any are as at be but by can each every few find first for from give go good great had has have he ' +
  'help here how if in into is it its just keep know last let light like line little long look made make many may mean ' +
  'model more most much must near need never new next no not now of old on once one only or other our out over part ' +
  'place point right run same say see set she small so some step still such take than that the their them then there ' +
  'these they thing think this time to turn two under up use very want was water way we well were what when where which ' +
  'while who why will with word work world would year you your'
).split(' ');
