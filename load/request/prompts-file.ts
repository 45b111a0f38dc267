import { SquallError } from '../../harness/errors.ts';
import type { LoadPlan, PromptsPlan, Workload } from '../../harness/plan.ts';
import { linesOf, objectOf } from '../trace/lines.ts';
import { CHARACTERS_PER_TOKEN, type Message, type PromptRow } from './prompt.ts';

/** Limits of what is kept in memory, so that a data set of any size is refused and not swapped. */
const MAX_ROWS = 1_000_000;
const MAX_CHARACTERS = 256 * 1024 * 1024;
const MAX_TOKENS = 1_000_000;

/** Files of prompts that a load draws from. */
export function promptsOf({ workload, clients }: Pick<LoadPlan, 'workload' | 'clients'>): PromptsPlan[] {
  const workloads = [workload, ...(clients?.classes ?? []).map(own => own.workload)];
  const files = new Map(workloads.flatMap(one => (prompts(one) ? [[prompts(one)!.file, prompts(one)!]] : [])));
  return [...files.values()];
}

/** Reads all files of {@link promptsOf}. @returns the prompts of a workload; undefined for generated ones */
export function readAllPrompts(
  plan: Pick<LoadPlan, 'workload' | 'clients'>,
): (workload: Workload) => readonly PromptRow[] | undefined {
  const rows = new Map(promptsOf(plan).map(({ file }) => [file, readPrompts(file)]));
  return workload => rows.get(prompts(workload)?.file ?? '');
}

function prompts(workload: Workload): PromptsPlan | undefined {
  return workload.kind === 'http' ? undefined : workload.prompts;
}

/**
 * Reads prompts from a file, never none: JSON lines, each an object with a `prompt` or with `messages`, and optionally the limit of its
 * completion, `max_tokens`; or plain text, each line a prompt. Which of them, the first line decides. Blank lines are skipped.
 * @throws SquallError `BAD_PROMPTS` that names file, line, what was expected and what was found; `PROMPTS_UNREADABLE`
 */
export function readPrompts(file: string): PromptRow[] {
  const rows: PromptRow[] = [];
  let isJson: boolean | undefined;
  let line = 0;
  let characters = 0;
  for (const text of linesOf(file, 'prompts')) {
    line += 1;
    if (text.trim() === '') continue;
    isJson ??= isObjectLine(file, text);
    rows.push(isJson ? rowOf(text, `${file}, line ${line}`) : rowOfText(text));
    characters += text.length;
    if (rows.length > MAX_ROWS || characters > MAX_CHARACTERS)
      throw bad(
        file,
        `at most ${MAX_ROWS} prompts and 256 Mi characters`,
        'more',
        `Take a sample: shuf -n 100000 ${file}`,
      );
  }
  if (rows.length === 0) throw bad(file, 'a prompt in each line', 'nothing');
  return rows;
}

function isObjectLine(file: string, text: string): boolean {
  const first = text.trim();
  if (first === '[' || /^\[\s*\{/.test(first))
    throw bad(file, 'one JSON object per line', 'an array', `Convert it first: jq -c '.[]' ${file}`);
  return first.startsWith('{');
}

function rowOfText(text: string): PromptRow {
  return { messages: [{ role: 'user', content: text }], promptTokens: tokensIn(text) };
}

function rowOf(text: string, where: string): PromptRow {
  const row = objectOf(text);
  if (row === undefined) throw bad(where, 'a JSON object, as in the first line', 'another text');
  const { prompt, messages, max_tokens: outputTokens } = row;
  if (outputTokens !== undefined && !isCount(outputTokens))
    throw bad(
      where,
      `\`max_tokens\` to be a whole number from 1 to ${MAX_TOKENS}`,
      JSON.stringify(outputTokens).slice(0, 100),
    );
  const limit = isCount(outputTokens) ? { outputTokens } : {};
  if (typeof prompt === 'string' && prompt !== '' && messages === undefined) return { ...rowOfText(prompt), ...limit };
  if (prompt !== undefined || !isMessages(messages))
    throw bad(where, '`prompt`, a text, or `messages`, a list of objects with a `role`', 'an object without them');
  return { messages, promptTokens: messages.reduce((sum, { content }) => sum + tokensIn(content), 0), ...limit };
}

/** Tokens of a message by the counting rule of generated prompts; of several parts only text counts. */
function tokensIn(content: unknown): number {
  if (typeof content === 'string') return Math.ceil(content.length / CHARACTERS_PER_TOKEN);
  if (!Array.isArray(content)) return 0;
  return content.reduce<number>((sum, part) => sum + tokensIn((part as { text?: unknown } | null)?.text), 0);
}

function isMessages(value: unknown): value is Message[] {
  return Array.isArray(value) && value.length > 0 && value.every(message => typeof message?.role === 'string');
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MAX_TOKENS;
}

/** @param found in words */
function bad(where: string, expected: string, found: string, next = 'Correct the line.'): SquallError {
  return new SquallError('scenario', 'BAD_PROMPTS', `${where}: expected ${expected}, found ${found}`, { next });
}
