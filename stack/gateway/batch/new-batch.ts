import { ApiError } from '../http/api-error.ts';
import { parseObject } from '../http/completion-request.ts';
import type { NewBatch } from './batches.ts';
import { type BatchEndpoint, ENDPOINTS } from './records.ts';

/** Limits of metadata, as in OpenAI's API. */
const MAX_PAIRS = 16;
const MAX_KEY_LENGTH = 64;
const MAX_VALUE_LENGTH = 512;

/** Reads the body of `POST /v1/batches`. @throws ApiError 400 that names the field */
export function parseBatchRequest(body: Buffer): Pick<NewBatch, 'input' | 'endpoint' | 'metadata'> {
  const { input_file_id: input, endpoint, completion_window: window, metadata = null } = parseObject(body);
  if (typeof input !== 'string') throw invalid('input_file_id', 'the id of a file');
  if (!ENDPOINTS.includes(endpoint as BatchEndpoint)) throw invalid('endpoint', `one of ${ENDPOINTS.join(', ')}`);
  if (window !== '24h') throw invalid('completion_window', '24h');
  if (metadata !== null && !isMetadata(metadata)) {
    const limits = `${MAX_PAIRS} texts of at most ${MAX_VALUE_LENGTH} characters, by names of at most ${MAX_KEY_LENGTH}`;
    throw invalid('metadata', `an object of at most ${limits}`);
  }
  return { input, endpoint: endpoint as BatchEndpoint, metadata: metadata as Record<string, string> | null };
}

function isMetadata(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const pairs = Object.entries(value);
  return (
    pairs.length <= MAX_PAIRS &&
    pairs.every(
      ([key, text]) => key.length <= MAX_KEY_LENGTH && typeof text === 'string' && text.length <= MAX_VALUE_LENGTH,
    )
  );
}

function invalid(param: string, expected: string): ApiError {
  return new ApiError(400, 'invalid_value', `Expected \`${param}\` to be ${expected}.`, param);
}
