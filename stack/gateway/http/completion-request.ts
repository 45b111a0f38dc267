import { ApiError } from './api-error.ts';

/** Field of the prompt: of a chat completion, of a completion, of a request for embeddings. */
export type PromptField = 'messages' | 'prompt' | 'input';

/** Fields of a completion request that the gateway uses. */
export interface CompletionRequest {
  readonly model: string;
  /** Whether the client requested server-sent events. */
  readonly stream: boolean;
  /** All fields of the body. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/**
 * Validates a completion request: a JSON object with a served model and a non-empty prompt. The body itself is forwarded
 * unchanged.
 * @param promptField `messages` is a non-empty array; the others are a string or a non-empty array
 * @param models served ids; empty: any
 * @throws ApiError 400, or 404 for an unknown model
 */
export function parseCompletionRequest(
  body: Buffer,
  promptField: PromptField,
  models: ReadonlySet<string>,
): CompletionRequest {
  const fields = parseObject(body);
  const { model, stream, [promptField]: prompt } = fields;
  if (typeof model !== 'string' || model === '') throw invalid('model', 'Expected `model` to be a model id.');
  if (stream !== undefined && stream !== null && typeof stream !== 'boolean') {
    throw invalid('stream', 'Expected `stream` to be true or false.');
  }
  const hasPrompt = Array.isArray(prompt)
    ? prompt.length > 0
    : promptField !== 'messages' && typeof prompt === 'string';
  if (!hasPrompt) throw invalid(promptField, `Expected \`${promptField}\` to be present and not empty.`);
  if (models.size > 0 && !models.has(model)) {
    throw new ApiError(404, 'model_not_found', `The model ${JSON.stringify(model)} is not served here.`, 'model');
  }
  return { model, stream: stream === true, fields };
}

/** Number of completions of a request, each of which may have the maximum of tokens: of every prompt of a list, `n` or `best_of`. */
export function completionCount(fields: Readonly<Record<string, unknown>>, promptField: PromptField): number {
  const prompt = promptField === 'prompt' ? fields.prompt : undefined;
  // A list of numbers is one prompt.
  const prompts = Array.isArray(prompt) ? prompt.filter(one => typeof one !== 'number').length : 1;
  const counts = [fields.n, fields.best_of].filter(count => Number.isSafeInteger(count)) as number[];
  return Math.max(1, prompts) * Math.max(1, ...counts);
}

/** A body that is a JSON object. @throws ApiError 400 */
export function parseObject(body: Buffer): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    throw new ApiError(400, 'invalid_json', 'The request body is not valid JSON.');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ApiError(400, 'invalid_json', 'Expected the request body to be a JSON object.');
  }
  return value as Record<string, unknown>;
}

function invalid(param: string, message: string): ApiError {
  return new ApiError(400, 'invalid_value', message, param);
}
