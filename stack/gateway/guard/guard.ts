import type { Registry } from 'prom-client';
import { ApiError } from '../http/api-error.ts';
import { type CompletionRequest, completionCount, type PromptField } from '../http/completion-request.ts';
import type { Exchange } from '../http/exchange.ts';
import { withField } from '../http/json-field.ts';
import type { GuardConfig } from './config.ts';
import { GuardMetrics, type RejectionReason } from './guard-metrics.ts';
import { measurePrompt } from './prompt.ts';
import { ResponseFilter } from './response-filter.ts';

/** Fields of the maximum number of tokens; the first is that of all servers. */
const TOKEN_FIELDS = ['max_tokens', 'max_completion_tokens', 'n_predict'];
/** Fields of the number of choices that are computed. */
const CHOICE_FIELDS = ['n', 'best_of'];
/** Tokens of a text completion without a maximum, by OpenAI's API. */
const DEFAULT_TOKENS = 16;

/** Guard of the gateway: checks requests, and filters responses. See `config.ts`. */
export class Guard {
  readonly metrics: GuardMetrics;
  /** Name and value of the watermark header; empty if it is off. */
  readonly watermark: readonly string[];
  /** Maximum compute time of a request in ms. */
  readonly computeMs: number;
  readonly #config: GuardConfig;

  constructor(config: GuardConfig, registry: Registry) {
    this.#config = config;
    this.metrics = new GuardMetrics(registry);
    const { watermark, computeMs } = config;
    this.watermark = watermark === 'off' ? [] : [watermark.header, watermark.value];
    this.computeMs = computeMs === 'off' ? Number.POSITIVE_INFINITY : computeMs;
  }

  /**
   * Checks a request, and bounds the tokens of one that does not.
   * @throws ApiError 400 that names the field
   */
  check(exchange: Exchange, { fields }: CompletionRequest, promptField: PromptField): void {
    const { maxPromptCharacters: max, controlCharacters } = this.#config;
    const { characters, hasControl } = measurePrompt(fields, promptField);
    if (max !== 'off' && characters > max) {
      const message = `The prompt has ${characters} characters, more than the limit of ${max}.`;
      throw this.#rejection('prompt-length', 'prompt_too_long', message, promptField);
    }
    if (hasControl && controlCharacters === 'reject') {
      const message = 'Expected the prompt to hold no control characters but tabs and line ends.';
      throw this.#rejection('control-characters', 'invalid_characters', message, promptField);
    }
    if (promptField !== 'input') this.#boundTokens(exchange, fields, promptField);
  }

  /** Filter of the response to a request; undefined if it may pass as it is. */
  filter(exchange: Exchange): ResponseFilter | undefined {
    const { redact, maxRedactedBytes } = this.#config;
    // Embeddings are no text.
    const kinds = exchange.route.endsWith('/embeddings') ? [] : redact;
    if (kinds.length === 0 && !(exchange.streamed && Number.isFinite(this.computeMs))) return undefined;
    return new ResponseFilter({ kinds, maxBytes: maxRedactedBytes, onFound: this.metrics.redacted });
  }

  #boundTokens(exchange: Exchange, fields: Readonly<Record<string, unknown>>, promptField: PromptField): void {
    const { maxTokens } = this.#config;
    if (maxTokens === 'off') return;
    for (const field of CHOICE_FIELDS) this.#count(fields, field);
    const choices = completionCount(fields, promptField);
    const limits = TOKEN_FIELDS.map(field => [field, this.#count(fields, field)] as const);
    const isBounded = limits.some(([, tokens]) => tokens !== undefined);
    const least = isBounded || promptField === 'messages' ? 1 : DEFAULT_TOKENS;
    for (const [field, tokens] of [...limits, [Array.isArray(fields.prompt) ? 'prompt' : 'n', least] as const]) {
      if (tokens === undefined || tokens * choices <= maxTokens) continue;
      const times = choices > 1 ? ` for each of ${choices} choices` : '';
      const found = TOKEN_FIELDS.includes(field) ? `is ${tokens}${times}` : `makes ${choices} choices`;
      const message = `\`${field}\` ${found}; the limit is ${maxTokens} tokens a request.`;
      throw this.#rejection('max-tokens', 'too_many_tokens', message, field);
    }
    if (isBounded || promptField !== 'messages') return;
    exchange.body = withField(exchange.body, fields, TOKEN_FIELDS[0]!, Math.floor(maxTokens / choices));
  }

  /** Value of a field that counts something; undefined if it is absent or null. */
  #count(fields: Readonly<Record<string, unknown>>, field: string): number | undefined {
    const value = fields[field];
    if (value === undefined || value === null) return undefined;
    if (Number.isSafeInteger(value) && (value as number) >= 1) return value as number;
    throw this.#rejection('max-tokens', 'invalid_value', `Expected \`${field}\` to be an integer ≥ 1.`, field);
  }

  #rejection(reason: RejectionReason, code: string, message: string, param: string): ApiError {
    this.metrics.rejections.labels(reason).inc();
    return new ApiError(400, code, message, param);
  }
}
