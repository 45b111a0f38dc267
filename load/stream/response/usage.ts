/** Token counts that a server reports; a field that it leaves out is undefined. */
export interface Usage {
  readonly promptTokens?: number | undefined;
  /** Tokens of the prompt that came from the prefix cache. */
  readonly cachedTokens?: number | undefined;
  readonly outputTokens?: number | undefined;
  readonly reasoningTokens?: number | undefined;
}

type Json = Readonly<Record<string, unknown>>;

/**
 * Usage in a chunk or a whole response; undefined without any. Known are `usage` of the chunk, of a choice (Moonshot) and of `x_groq`,
 * and `timings` of llama.cpp, which fill in what `usage` leaves out.
 */
export function usageOf(chunk: Json): Usage | undefined {
  const { usage, timings, x_groq: groq, choices } = chunk;
  const choice = Array.isArray(choices)
    ? choices.find(candidate => isObject(candidate) && isObject(candidate.usage))
    : null;
  const reported = [usage, isObject(groq) ? groq.usage : null, choice?.usage].find(isObject);
  if (!reported) return isObject(timings) ? fromTimings(timings) : undefined;
  return isObject(timings) ? larger(fromUsage(reported), fromTimings(timings)) : fromUsage(reported);
}

/** Combines two reports of one response: counts are cumulative, so the larger ones hold. */
export function larger(one: Usage, other: Usage): Usage {
  const max = (field: keyof Usage) =>
    one[field] === undefined || other[field]! > one[field] ? other[field] : one[field];
  return {
    promptTokens: max('promptTokens'),
    cachedTokens: max('cachedTokens'),
    outputTokens: max('outputTokens'),
    reasoningTokens: max('reasoningTokens'),
  };
}

/** Observations against which reported output tokens are checked. */
export interface Observed {
  /** Frames with output. */
  readonly frames: number;
  /** Length of the body. */
  readonly bytes: number;
  /** Whether reasoning was among the output. */
  readonly hasReasoning: boolean;
}

/**
 * Tokens that were received: the reported ones, without reasoning that was not sent. The number of frames where nothing is reported, or
 * where the report cannot be true (`isDoubtful`): fewer than half as many tokens as frames, or more than bytes. A frame may hold
 * many tokens, and a token now and then spans two frames.
 */
export function receivedTokens(
  usage: Usage,
  observed: Observed,
): { readonly tokens: number; readonly isDoubtful: boolean } {
  const { frames, bytes, hasReasoning } = observed;
  const { outputTokens, reasoningTokens = 0 } = usage;
  if (outputTokens === undefined) return { tokens: frames, isDoubtful: false };
  const hidden = hasReasoning || reasoningTokens > outputTokens ? 0 : reasoningTokens;
  // xAI and Gemini leave reasoning out of `completion_tokens`.
  const extra = hasReasoning && outputTokens < frames ? reasoningTokens : 0;
  const tokens = outputTokens - hidden + extra;
  const isDoubtful = tokens < frames / 2 || tokens > bytes;
  return { tokens: isDoubtful ? frames : tokens, isDoubtful };
}

function fromUsage(usage: Json): Usage {
  const promptDetails = [usage.prompt_tokens_details, usage.input_tokens_details].find(isObject);
  const outputDetails = [usage.completion_tokens_details, usage.output_tokens_details].find(isObject);
  const cached = [
    promptDetails?.cached_tokens,
    usage.prompt_cache_hit_tokens, // DeepSeek
    usage.cached_tokens, // Moonshot
    usage.num_cached_tokens,
    usage.cache_read_input_tokens, // LiteLLM in front of Anthropic
  ];
  return {
    promptTokens: count(usage.prompt_tokens) ?? count(usage.input_tokens),
    cachedTokens: cached.map(count).find(tokens => tokens !== undefined),
    outputTokens: count(usage.completion_tokens) ?? count(usage.output_tokens),
    reasoningTokens: count(outputDetails?.reasoning_tokens) ?? count(usage.reasoning_tokens),
  };
}

/** In llama.cpp `prompt_n` leaves out the tokens of the cache. */
function fromTimings({ prompt_n, cache_n, predicted_n }: Json): Usage {
  const [evaluated, cachedTokens] = [count(prompt_n), count(cache_n)];
  const promptTokens = evaluated === undefined ? undefined : evaluated + (cachedTokens ?? 0);
  return { promptTokens, cachedTokens, outputTokens: count(predicted_n) };
}

function count(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined;
}

/** Whether a value is an object of JSON, not an array and not null. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
