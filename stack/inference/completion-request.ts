import { z } from 'zod';

/** Error response. `status` is the HTTP status, `type` vLLM's name for the error. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly type: string;
  readonly param: string | null;

  constructor(status: number, type: string, message: string, param: string | null = null) {
    super(message);
    this.status = status;
    this.type = type;
    this.param = param;
  }

  /** Response body in the format of OpenAI and vLLM. */
  toJson(): string {
    return JSON.stringify({ error: { message: this.message, type: this.type, param: this.param, code: this.status } });
  }
}

/** Error with status 400 and vLLM's type. */
export function badRequest(message: string, param: string | null = null): ApiError {
  return new ApiError(400, 'BadRequestError', message, param);
}

const part = z.looseObject({ type: z.string(), text: z.string().optional() });
const message = z.looseObject({ role: z.string().min(1), content: z.union([z.string(), z.array(part)]).nullish() });
const tokenLimit = z.number().int().min(1).nullish();

/** Fields of both endpoints. Sampling options are accepted without effect: the output depends only on prompt and seed. */
const common = {
  model: z.string().nullish(),
  max_tokens: tokenLimit,
  max_completion_tokens: tokenLimit,
  stream: z.boolean().nullish(),
  stream_options: z
    .looseObject({ include_usage: z.boolean().nullish(), continuous_usage_stats: z.boolean().nullish() })
    .nullish(),
  n: z.literal(1, 'Only one choice per request is supported').nullish(),
  prompt_logprobs: z.number().int().min(0).max(20).nullish(),
};
const chatBody = z.looseObject({
  ...common,
  messages: z.array(message).min(1),
});
const textBody = z.looseObject({
  ...common,
  prompt: z.union([z.string(), z.tuple([z.string()]), z.array(z.number().int()).min(1)]),
});

/** Message of a chat request. */
export type ChatMessage = z.output<typeof message>;

/** Completion request of either endpoint. */
export interface CompletionRequest {
  readonly kind: 'chat' | 'text';
  readonly prompt: string | readonly number[] | readonly ChatMessage[];
  /** Undefined: not specified, the default length applies. */
  readonly maxTokens: number | undefined;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  /** Whether every event has the usage so far, too (vLLM's `continuous_usage_stats`). */
  readonly continuousUsage: boolean;
  /** Number of alternatives per prompt token (vLLM's `prompt_logprobs`); undefined for none. */
  readonly promptLogprobs: number | undefined;
}

/**
 * Parses and validates a request body.
 * @throws ApiError 400 (invalid JSON or fields) or 404 (model not served)
 */
export function parseCompletion(kind: 'chat' | 'text', body: string, servedModel: string): CompletionRequest {
  const json = parseJson(body);
  const { prompt, data } = kind === 'chat' ? parseChat(json) : parseText(json);
  if (data.model && data.model !== servedModel)
    throw new ApiError(404, 'NotFoundError', `The model \`${data.model}\` does not exist.`, 'model');
  if (data.stream && typeof data.prompt_logprobs === 'number')
    throw badRequest('`prompt_logprobs` are not available when `stream=True`.', 'prompt_logprobs');
  return {
    kind,
    prompt,
    maxTokens: data.max_completion_tokens ?? data.max_tokens ?? undefined,
    stream: data.stream ?? false,
    includeUsage: data.stream_options?.include_usage ?? false,
    continuousUsage: (data.stream_options?.include_usage && data.stream_options.continuous_usage_stats) ?? false,
    promptLogprobs: data.prompt_logprobs ?? undefined,
  };
}

function parseChat(json: unknown) {
  const data = validate(chatBody, json);
  return { data, prompt: data.messages };
}

function parseText(json: unknown) {
  const data = validate(textBody, json);
  const [first] = data.prompt;
  return {
    data,
    prompt: typeof data.prompt !== 'string' && typeof first === 'string' ? first : (data.prompt as string | number[]),
  };
}

function validate<T extends z.ZodType>(schema: T, json: unknown): z.output<T> {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const param = issue.path.join('.') || null;
  throw badRequest(param ? `${param}: ${issue.message}` : issue.message, param);
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw badRequest('The body is not valid JSON.');
  }
}
