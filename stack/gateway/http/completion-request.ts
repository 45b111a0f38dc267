import { ApiError } from './api-error.ts';

/** What the gateway must know about a completion request; everything else is between client and model. */
export interface CompletionRequest {
  readonly model: string;
  /** The answer is to come as server-sent events. */
  readonly stream: boolean;
}

/**
 * Checks the little that a gateway can: JSON, an object, a served model, the prompt's place filled. The body itself is
 * forwarded as the bytes that came in.
 * @param promptField `messages` (a non-empty array) or `prompt` (a string or a non-empty array)
 * @param models served ids; empty: any
 * @throws ApiError 400, or 404 for an unknown model
 */
export function parseCompletionRequest(
  body: Buffer,
  promptField: 'messages' | 'prompt',
  models: ReadonlySet<string>,
): CompletionRequest {
  const { model, stream, [promptField]: prompt } = parseObject(body);
  if (typeof model !== 'string' || model === '') throw invalid('model', 'Expected `model` to be the id of a model.');
  if (stream !== undefined && stream !== null && typeof stream !== 'boolean') {
    throw invalid('stream', 'Expected `stream` to be true or false.');
  }
  const filled = Array.isArray(prompt) ? prompt.length > 0 : promptField === 'prompt' && typeof prompt === 'string';
  if (!filled) throw invalid(promptField, `Expected \`${promptField}\` to be there and not empty.`);
  if (models.size > 0 && !models.has(model)) {
    throw new ApiError(404, 'model_not_found', `The model ${JSON.stringify(model)} is not served here.`, 'model');
  }
  return { model, stream: stream === true };
}

function parseObject(body: Buffer): Record<string, unknown> {
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
