import { drawCount } from '../../harness/distribution.ts';
import type { ChatWorkload, Lengths } from '../../harness/plan.ts';
import { type Random, seededRandom } from '../../harness/random.ts';
import type { TraceLengths } from '../trace/lengths.ts';

/** What one request asks for. */
export interface Prompt {
  /** ASCII, exactly `4 × promptTokens` characters. */
  readonly text: string;
  readonly promptTokens: number;
  /** Upper bound on the answer, sent as `max_tokens`. */
  readonly outputTokens: number;
}

/** One message of a conversation. */
export interface Message {
  readonly role: 'user' | 'assistant';
  readonly content: string;
}

/** What one turn of a user sends. */
export interface Conversation {
  readonly messages: readonly Message[];
  /** Of all messages. */
  readonly promptTokens: number;
  readonly outputTokens: number;
}

/** What lengths of a trace are taken from. */
export interface TraceTokens {
  /** Of the very row that is replayed. */
  readonly tokens?: readonly [promptTokens: number, outputTokens: number] | undefined;
  /** To draw from where no row is replayed. */
  readonly lengths?: TraceLengths | undefined;
}

/** Characters a token, by the counting rule of the simulated engine: a message of n characters is `ceil(n / 4)` tokens. */
const CHARACTERS_PER_TOKEN = 4;

type Shape = Omit<ChatWorkload, 'model'>;

/**
 * The prompt of the request at `index` of the schedule. It depends on seed and index alone, not on which requests were made
 * before, so a dropped or a repeated request changes no other.
 */
export function promptOf(workload: Shape, seed: number, index: number, trace: TraceTokens = {}): Prompt {
  const key = keyOf(workload, seed, index);
  // A duplicate is one to the byte, so its length is drawn, too.
  return promptOfKey(workload, seed, key, key === String(index) ? trace : { lengths: trace.lengths });
}

/** How many turns the session at `index` has; 1 where requests stand alone. */
export function turnsOf({ sessions }: Shape, seed: number, index: number): number {
  return sessions
    ? Math.max(1, drawCount(sessions.turns, seededRandom(seed).stream('turns').stream(String(index))))
    : 1;
}

/** What turn `turn` of the session at `index` sends; where requests stand alone, its prompt. */
export function talkOf(workload: Shape, seed: number, index: number, turn = 0, trace: TraceTokens = {}): Conversation {
  if (workload.sessions) return conversationOf(workload, seed, index, turn, trace);
  const { text, promptTokens, outputTokens } = promptOf(workload, seed, index, trace);
  return { messages: [{ role: 'user', content: text }], promptTokens, outputTokens };
}

/**
 * The conversation that turn `turn` (from 0) of a session sends: what the user asked so far, with answers of the lengths that
 * were asked for in between. They stand in for what the model really said: with the true ones, prompts would depend on the run.
 */
export function conversationOf(
  workload: Shape,
  seed: number,
  index: number,
  turn: number,
  trace: TraceTokens = {},
): Conversation {
  const key = keyOf(workload, seed, index);
  const messages: Message[] = [];
  let promptTokens = 0;
  for (let before = 0; before < turn; before += 1) {
    const prompt = promptOfTurn(workload, seed, key, before, trace);
    const answer = answerOf(seed, key, before, prompt.outputTokens);
    messages.push({ role: 'user', content: prompt.text }, { role: 'assistant', content: answer });
    promptTokens += prompt.promptTokens + prompt.outputTokens;
  }
  const prompt = promptOfTurn(workload, seed, key, turn, trace);
  messages.push({ role: 'user', content: prompt.text });
  return { messages, promptTokens: promptTokens + prompt.promptTokens, outputTokens: prompt.outputTokens };
}

function promptOfTurn(workload: Shape, seed: number, key: string, turn: number, trace: TraceTokens): Prompt {
  if (turn === 0) return promptOfKey(workload, seed, key, trace);
  // What conversations have in common stands at their beginning.
  const { sharedPrefix: _, ...own } = workload;
  return promptOfKey(own, seed, `${key}/${turn}`, trace);
}

function answerOf(seed: number, key: string, turn: number, tokens: number): string {
  return wordSoup(tokens * CHARACTERS_PER_TOKEN, seededRandom(seed).stream('answers').stream(`${key}/${turn}`));
}

/** What decides the prompt at an index: the index, or for duplicates the one of a few that they share. */
function keyOf({ duplicates }: Shape, seed: number, index: number): string {
  if (!duplicates) return String(index);
  const random = seededRandom(seed).stream('duplicates').stream(String(index));
  return random.next() < duplicates.ratio ? `duplicate-${random.integer(1, duplicates.distinct)}` : String(index);
}

function promptOfKey(workload: Shape, seed: number, key: string, trace: TraceTokens): Prompt {
  const random = seededRandom(seed).stream('prompts').stream(key);
  const row = trace.tokens ?? trace.lengths?.pick(random.stream('trace'));
  const promptTokens = tokensOf(workload.promptTokens, random, row?.[0]);
  const outputTokens = tokensOf(workload.outputTokens, random, row?.[1]);
  const length = promptTokens * CHARACTERS_PER_TOKEN;
  const prefix = prefixOf(workload, seed, random.stream('prefix')).slice(0, length);
  return { text: prefix + wordSoup(length - prefix.length, random), promptTokens, outputTokens };
}

function tokensOf(lengths: Lengths, random: Random, traced: number | undefined): number {
  if ('kind' in lengths && lengths.kind === 'trace') return traced ?? 1;
  return drawCount(lengths, random);
}

function prefixOf({ sharedPrefix }: Shape, seed: number, random: Random): string {
  if (!sharedPrefix || random.next() >= sharedPrefix.ratio) return '';
  const variant = random.integer(1, sharedPrefix.variants);
  const text = seededRandom(seed).stream('prefixes').stream(String(variant));
  return wordSoup(sharedPrefix.tokens * CHARACTERS_PER_TOKEN, text);
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
