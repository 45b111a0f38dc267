type Json = Record<string, unknown>;

/** A text in a response of which more may follow in later events: where it is, and the name of the text that it continues. */
export interface StreamedText {
  readonly name: string;
  readonly holder: Json;
  readonly key: string;
}

/** What a response, or an event of one, consists of. */
export interface CompletionTexts {
  /** Texts of choices, whose names begin with the index of the choice and a slash. */
  readonly streamed: readonly StreamedText[];
  /** All other texts, which are complete in themselves. */
  readonly whole: readonly Omit<StreamedText, 'name'>[];
  /** Choices of which there is something. */
  readonly choices: readonly number[];
  /** Those of them that end here. */
  readonly finished: readonly number[];
  /** Whether log probabilities were removed: they repeat the output token by token. */
  readonly isWithoutLogprobs: boolean;
}

/** Fields that say what a part is, and bytes of sounds and images; a text in them would be none of the model's. */
const NO_TEXT = new Set([
  'id',
  'object',
  'model',
  'role',
  'type',
  'name',
  'created',
  'system_fingerprint',
  'service_tier',
]);
const NO_TEXT_OF_CHOICES = new Set([...NO_TEXT, 'data', 'b64_json', 'signature', 'finish_reason', 'stop_reason']);
const LOGPROBS = /^(?:prompt_)?logprobs$/;
const OUTPUT = new Set(['delta', 'message', 'text']);

/** Finds the texts of a completion, streamed or not, in every field in which servers send any. Removes log probabilities from `value`. */
export function completionTexts(value: Json): CompletionTexts {
  const texts = { streamed: [] as StreamedText[], whole: [] as Omit<StreamedText, 'name'>[] };
  const [choices, finished]: number[][] = [[], []];
  let isWithoutLogprobs = removeLogprobs(value);
  for (const [position, choice] of (Array.isArray(value.choices) ? value.choices : []).entries()) {
    if (!isObject(choice)) continue;
    const index = typeof choice.index === 'number' ? choice.index : position;
    choices!.push(index);
    if (choice.finish_reason !== undefined && choice.finish_reason !== null) finished!.push(index);
    isWithoutLogprobs = removeLogprobs(choice) || isWithoutLogprobs;
    for (const key in choice)
      if (OUTPUT.has(key)) visit(choice, key, NO_TEXT_OF_CHOICES, text => texts.streamed.push(text), `${index}`);
      else visit(choice, key, NO_TEXT_OF_CHOICES, text => texts.whole.push(text));
  }
  for (const key in value) if (key !== 'choices') visit(value, key, NO_TEXT, text => texts.whole.push(text));
  return { ...texts, choices: choices!, finished: finished!, isWithoutLogprobs };
}

function visit(
  holder: Json,
  key: string,
  excluded: ReadonlySet<string>,
  found: (text: StreamedText) => void,
  path = '',
): void {
  if (excluded.has(key)) return;
  const value = holder[key];
  const name = `${path}/${partName(holder, key)}`;
  if (typeof value === 'string') found({ name, holder, key });
  else if (typeof value === 'object' && value !== null)
    for (const inner in value) visit(value as Json, inner, excluded, found, name);
}

/** Parts of a list, such as tool calls, continue each other by their `index`. */
function partName(holder: Json, key: string): string {
  const part = Array.isArray(holder) ? holder[Number(key)] : undefined;
  return isObject(part) && typeof part.index === 'number' ? `${part.index}` : key;
}

function removeLogprobs(holder: Json): boolean {
  let isRemoved = false;
  for (const key in holder) {
    if (!LOGPROBS.test(key) || holder[key] === null) continue;
    holder[key] = null;
    isRemoved = true;
  }
  return isRemoved;
}

/** Whether a value of JSON is an object. */
export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
