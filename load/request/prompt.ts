import { drawCount } from '../../harness/distribution.ts';
import type { ChatWorkload, Lengths } from '../../harness/plan.ts';
import { type Random, seededRandom } from '../../harness/random.ts';
import type { TraceLengths } from '../trace/lengths.ts';

/** Prompt and completion length of one request. */
export interface Prompt {
  /** ASCII, exactly `4 × promptTokens` characters, unless it is from a file. */
  readonly text: string;
  readonly promptTokens: number;
  /** Upper bound on the completion, sent as `max_tokens`. */
  readonly outputTokens: number;
}

/** Message of a chat; one of a file may have any role, content of several parts, and further fields. */
export interface Message {
  readonly role: string;
  readonly content: unknown;
}

/** Prompt of a file; see `prompts-file.ts`. */
export interface PromptRow {
  /** A text is one message of the user. */
  readonly messages: readonly Message[];
  /** By the counting rule of generated prompts. */
  readonly promptTokens: number;
  /** Its own limit of the completion. */
  readonly outputTokens?: number;
}

/** Messages of one chat request: the history of its session and the new prompt; `promptTokens` is that of all messages. */
export interface Conversation extends Omit<Prompt, 'text'> {
  readonly messages: readonly Message[];
}

/** What prompts are made of beside seed and index. */
export interface PromptSource {
  /** Token counts of the replayed row of a trace. */
  readonly tokens?: readonly [promptTokens: number, outputTokens: number] | undefined;
  /** Lengths of a trace, to draw from when no row is replayed. */
  readonly lengths?: TraceLengths | undefined;
  /** Prompts of a file, to draw from instead of generating one. */
  readonly rows?: readonly PromptRow[] | undefined;
  /** Salt of the run. @default none */
  readonly salt?: string | undefined;
}

/** Characters per token, by the counting rule of the simulated engine: a message of n characters is `ceil(n / 4)` tokens. */
export const CHARACTERS_PER_TOKEN = 4;

type Shape = Omit<ChatWorkload, 'model'>;

/**
 * Prompt of the request at `index` of the schedule. It depends only on seed, salt and index, not on earlier requests, so a dropped or
 * retried request changes no other.
 *
 * With a salt it begins with a mark, eight characters made of salt and index, so that it shares no beginning with another prompt of
 * this run or of another, but for what `sharedPrefix` and `duplicates` ask for. A shared prefix begins with a mark of its own:
 *
 * ```
 * k3x90qzb the river of …                   a prompt
 * m81c0d2u system prompt … 7hq2v05e what …  a shared prefix, then the rest of the prompt
 * ```
 */
export function promptOf(workload: Shape, seed: number, index: number, source: PromptSource = {}): Prompt {
  const key = keyOf(workload, seed, index);
  // Duplicates are identical to the byte, so they share a drawn length instead of the row's.
  return promptOfKey(workload, seed, key, key === String(index) ? source : { ...source, tokens: undefined });
}

/** Number of turns of the session at `index`; 1 without sessions. */
export function turnsOf({ sessions }: Shape, seed: number, index: number): number {
  return sessions
    ? Math.max(1, drawCount(sessions.turns, seededRandom(seed).stream('turns').stream(String(index))))
    : 1;
}

/**
 * Conversation of turn `turn` (from 0) of the session at `index`: all user messages so far, with generated assistant messages of
 * the requested lengths in between. Those stand in for the real completions, which would make prompts depend on the run. With prompts
 * of a file it is one of these.
 */
export function conversationOf(
  workload: Shape,
  seed: number,
  index: number,
  turn = 0,
  source: PromptSource = {},
): Conversation {
  const key = keyOf(workload, seed, index);
  if (source.rows) return drawnRow(workload, seed, key, source.rows, source.salt);
  // Only the first prompt can begin with the shared prefix.
  const { sharedPrefix: _, ...later } = workload;
  let prompt = promptOf(workload, seed, index, source);
  let { promptTokens } = prompt;
  const messages: Message[] = [{ role: 'user', content: prompt.text }];
  for (let next = 1; next <= turn; next += 1) {
    const random = seededRandom(seed)
      .stream('answers')
      .stream(`${key}/${next - 1}`);
    messages.push({ role: 'assistant', content: wordSoup(prompt.outputTokens * CHARACTERS_PER_TOKEN, random) });
    promptTokens += prompt.outputTokens;
    prompt = promptOfKey(later, seed, `${key}/${next}`, source);
    messages.push({ role: 'user', content: prompt.text });
    promptTokens += prompt.promptTokens;
  }
  return { messages, promptTokens, outputTokens: prompt.outputTokens };
}

/**
 * One of the prompts of a file, each equally likely. All of them begin with the same mark of the run, so that they share with each other
 * what they share in the file, and nothing with another run.
 */
function drawnRow(
  { outputTokens: lengths }: Shape,
  seed: number,
  key: string,
  rows: readonly PromptRow[],
  salt = '',
): Conversation {
  const random = seededRandom(seed).stream('prompts').stream(key);
  const {
    messages,
    promptTokens,
    outputTokens = tokensOf(lengths, random.stream('output'), undefined),
  } = random.pick(rows);
  const mark = markOf(salt, seed, 'file');
  return {
    messages: messages.map((message, nth) => (nth === 0 ? marked(message, mark) : message)),
    promptTokens: promptTokens + Math.ceil(mark.length / CHARACTERS_PER_TOKEN),
    outputTokens,
  };
}

/** A message that begins with a mark. */
function marked(message: Message, mark: string): Message {
  const { content } = message;
  if (mark === '') return message;
  return {
    ...message,
    content: Array.isArray(content) ? [{ type: 'text', text: mark }, ...content] : `${mark}${content ?? ''}`,
  };
}

/** Key of the prompt at an index: the index, or for duplicates one of a few shared keys. */
function keyOf({ duplicates }: Shape, seed: number, index: number): string {
  if (!duplicates) return String(index);
  const random = seededRandom(seed).stream('duplicates').stream(String(index));
  return random.next() < duplicates.ratio ? `duplicate-${random.integer(1, duplicates.distinct)}` : String(index);
}

function promptOfKey(workload: Shape, seed: number, key: string, { tokens, lengths, salt = '' }: PromptSource): Prompt {
  const random = seededRandom(seed).stream('prompts').stream(key);
  const row = tokens ?? lengths?.pick(random.stream('trace'));
  const promptTokens = tokensOf(workload.promptTokens, random, row?.[0]);
  const outputTokens = tokensOf(workload.outputTokens, random, row?.[1]);
  const length = promptTokens * CHARACTERS_PER_TOKEN;
  const prefix = prefixOf(workload, seed, random.stream('prefix'), salt).slice(0, length);
  const text = prefix + wordSoup(length - prefix.length, random, markOf(salt, seed, key));
  return { text, promptTokens, outputTokens };
}

function tokensOf(lengths: Lengths, random: Random, traced: number | undefined): number {
  if ('kind' in lengths && (lengths.kind === 'trace' || lengths.kind === 'prompts')) return traced ?? 1;
  return drawCount(lengths, random);
}

function prefixOf({ sharedPrefix }: Shape, seed: number, random: Random, salt: string): string {
  if (!sharedPrefix || random.next() >= sharedPrefix.ratio) return '';
  const variant = random.integer(1, sharedPrefix.variants);
  const text = seededRandom(seed).stream('prefixes').stream(String(variant));
  return wordSoup(sharedPrefix.tokens * CHARACTERS_PER_TOKEN, text, markOf(salt, seed, `prefix-${variant}`));
}

const MARK_CHARACTERS = [...'abcdefghijklmnopqrstuvwxyz0123456789'];
const MARK_LENGTH = 8;

/** Mark of a prompt and the blank after it; empty without a salt. */
function markOf(salt: string, seed: number, key: string): string {
  if (salt === '') return '';
  const random = seededRandom(seed).stream('salt').stream(salt).stream(key);
  return `${Array.from({ length: MARK_LENGTH }, () => random.pick(MARK_CHARACTERS)).join('')} `;
}

const WORDS = (
  'a the of to and in is it for on with as at by from or an be this that which when where how why what please explain ' +
  'describe compare list show write find summary list system network storm wave river stone light cloud window garden ' +
  'engine signal pattern memory token answer question number letter story reason result method value weather history'
).split(' ');

/** Random words of exactly `length` characters; the last word is cut to fit. @param mark their beginning */
function wordSoup(length: number, random: Random, mark = ''): string {
  let text = mark;
  while (text.length < length) text += `${random.pick(WORDS)} `;
  return text.slice(0, length);
}
