import { drawCount } from '../../harness/distribution.ts';
import type { ChatWorkload, Lengths } from '../../harness/plan.ts';
import { type Random, seededRandom } from '../../harness/random.ts';
import type { TraceLengths } from '../trace/lengths.ts';

/** Prompt and completion length of one request. */
export interface Prompt {
  /** ASCII, exactly `4 × promptTokens` characters. */
  readonly text: string;
  readonly promptTokens: number;
  /** Upper bound on the completion, sent as `max_tokens`. */
  readonly outputTokens: number;
}

interface Message {
  readonly role: 'user' | 'assistant';
  readonly content: string;
}

/** Messages of one chat request: the history of its session and the new prompt; `promptTokens` is that of all messages. */
export interface Conversation extends Omit<Prompt, 'text'> {
  readonly messages: readonly Message[];
}

/** Source of the token counts where a workload takes them from a trace. */
export interface TraceTokens {
  /** Counts of the replayed row. */
  readonly tokens?: readonly [promptTokens: number, outputTokens: number] | undefined;
  /** Distribution to draw from when no row is replayed. */
  readonly lengths?: TraceLengths | undefined;
}

/** Characters per token, by the counting rule of the simulated engine: a message of n characters is `ceil(n / 4)` tokens. */
const CHARACTERS_PER_TOKEN = 4;

type Shape = Omit<ChatWorkload, 'model'>;

/**
 * Prompt of the request at `index` of the schedule. It depends only on seed and index, not on earlier requests, so a dropped or
 * retried request changes no other.
 */
export function promptOf(workload: Shape, seed: number, index: number, trace: TraceTokens = {}): Prompt {
  const key = keyOf(workload, seed, index);
  // Duplicates are identical to the byte, so they share a drawn length instead of the row's.
  return promptOfKey(workload, seed, key, key === String(index) ? trace : { lengths: trace.lengths });
}

/** Number of turns of the session at `index`; 1 without sessions. */
export function turnsOf({ sessions }: Shape, seed: number, index: number): number {
  return sessions
    ? Math.max(1, drawCount(sessions.turns, seededRandom(seed).stream('turns').stream(String(index))))
    : 1;
}

/**
 * Conversation of turn `turn` (from 0) of the session at `index`: all user messages so far, with generated assistant messages of
 * the requested lengths in between. Those stand in for the real completions, which would make prompts depend on the run.
 */
export function conversationOf(
  workload: Shape,
  seed: number,
  index: number,
  turn = 0,
  trace: TraceTokens = {},
): Conversation {
  const key = keyOf(workload, seed, index);
  // Only the first prompt can begin with the shared prefix.
  const { sharedPrefix: _, ...later } = workload;
  let prompt = promptOf(workload, seed, index, trace);
  let { promptTokens } = prompt;
  const messages: Message[] = [{ role: 'user', content: prompt.text }];
  for (let next = 1; next <= turn; next += 1) {
    const random = seededRandom(seed)
      .stream('answers')
      .stream(`${key}/${next - 1}`);
    messages.push({ role: 'assistant', content: wordSoup(prompt.outputTokens * CHARACTERS_PER_TOKEN, random) });
    promptTokens += prompt.outputTokens;
    prompt = promptOfKey(later, seed, `${key}/${next}`, trace);
    messages.push({ role: 'user', content: prompt.text });
    promptTokens += prompt.promptTokens;
  }
  return { messages, promptTokens, outputTokens: prompt.outputTokens };
}

/** Key of the prompt at an index: the index, or for duplicates one of a few shared keys. */
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
