import { createHash } from 'node:crypto';
import type { Random } from '../../../harness/random.ts';
import { blockHashes } from '../../block-hash.ts';
import type { ChatMessage } from '../completion-request.ts';

/** Tokens of a chat template around one message (`<|im_start|>role\n … <|im_end|>\n`). */
const TOKENS_PER_MESSAGE = 4;
/** UTF-16 units of a token, as it is counted. */
const CHARACTERS_PER_TOKEN = 4;
/** Tokens that start the output (`<|im_start|>assistant\n`). */
const TOKENS_OF_GENERATION_PROMPT = 3;

/**
 * Length of a prompt in tokens, estimated without a tokenizer: a chat has one token per four characters (UTF-16 units), rounded up
 * per message, plus 4 per message and 3 for the generation prompt. A text has `ceil(characters / 4)`, at least 1; a list of token
 * ids has its length.
 */
export function countTokens(prompt: string | readonly number[] | readonly ChatMessage[]): number {
  if (typeof prompt === 'string') return Math.max(1, Math.ceil(prompt.length / CHARACTERS_PER_TOKEN));
  let tokens = 0;
  let chat = false;
  for (const part of prompt) {
    if (typeof part === 'number') tokens += 1;
    else {
      chat = true;
      tokens += Math.ceil(textOf(part).length / CHARACTERS_PER_TOKEN) + TOKENS_PER_MESSAGE;
    }
  }
  return chat ? tokens + TOKENS_OF_GENERATION_PROMPT : Math.max(1, tokens);
}

/**
 * Hashes of the full blocks of a prompt, for the prefix cache: those of two prompts are the same as far as their tokens are, counted as in
 * {@link countTokens}. A token is four UTF-16 units; those of the template around a message are its role.
 * @param blockTokens tokens of a block
 */
export function prefixBlocks(
  prompt: string | readonly number[] | readonly ChatMessage[],
  blockTokens: number,
): readonly number[] {
  const text = typeof prompt === 'string' ? prompt : prompt.map(textOfPart).join('');
  return blockHashes(Buffer.from(text, 'utf16le'), { blockBytes: blockTokens * CHARACTERS_PER_TOKEN * 2 });
}

function textOfPart(part: number | ChatMessage): string {
  if (typeof part === 'number') return String.fromCharCode(part & 0xffff, part >>> 16, 0, 0);
  const text = textOf(part);
  const role = part.role.slice(0, TOKENS_PER_MESSAGE * CHARACTERS_PER_TOKEN);
  const tokens = Math.ceil(text.length / CHARACTERS_PER_TOKEN);
  return (
    role.padEnd(TOKENS_PER_MESSAGE * CHARACTERS_PER_TOKEN, '\0') + text.padEnd(tokens * CHARACTERS_PER_TOKEN, '\0')
  );
}

/** Text of a message; other parts (images) are ignored. */
export function textOf({ content }: ChatMessage): string {
  if (typeof content === 'string') return content;
  return (content ?? []).map(part => part.text ?? '').join('');
}

/**
 * Output for a prompt, one word per token, determined by seed and prompt. Words consist of ASCII letters with a leading space
 * (except the first), so they need no escaping in JSON.
 */
export function outputWords(random: Random, prompt: unknown): (index: number) => string {
  const words = random.stream(createHash('sha256').update(JSON.stringify(prompt)).digest('base64'));
  return index => (index === 0 ? words.pick(WORDS) : ` ${words.pick(WORDS)}`);
}

const WORDS = (
  'a all also and any are as at be but by can each every few find first for from give go good great had has have he ' +
  'help here how if in into is it its just keep know last let light like line little long look made make many may mean ' +
  'model more most much must near need never new next no not now of old on once one only or other our out over part ' +
  'place point right run same say see set she small so some step still such take than that the their them then there ' +
  'these they thing think this time to turn two under up use very want was water way we well were what when where which ' +
  'while who why will with word work world would year you your'
).split(' ');
