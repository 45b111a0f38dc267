/** The finish reasons of a complete response in OpenAI's API. */
const COMPLETE = new Set(['stop', 'length', 'tool_calls', 'function_call', 'content_filter']);

/**
 * Spellings of the same in other servers and clouds, whose gateways pass them on; LiteLLM and Portkey translate the same ones. Any
 * other reason, such as `abort`, `error`, `cancelled`, `timeout` or `insufficient_system_resource`, means that the engine gave up.
 */
const SYNONYMS = new Set([
  ...['eos', 'eos_token', 'end_of_sequence', 'eot', 'end_turn', 'stop_token', 'stop_sequence', 'stop_str', 'complete'],
  ...['completed', 'finished', 'max_tokens', 'max_length', 'max_new_tokens', 'max_output_tokens', 'model_length'],
  ...[
    'model_context_window_exceeded',
    'tool_call',
    'tool_use',
    'function',
    'tool',
    'safety',
    'recitation',
    'blocklist',
  ],
  ...['prohibited_content', 'spii', 'error_toxic', 'content_filtered', 'guardrail_intervened', 'refusal', 'sensitive'],
]);

/** What a finish reason says: null of no end yet. */
export type Ending = 'complete' | 'synonym' | 'given-up' | null;

/**
 * Meaning of `finish_reason`: a text in any case, or an object with a `type` (SGLang). Null, an empty text and anything else are none.
 */
export function endingOf(reason: unknown): Ending {
  if (reason === null || reason === undefined) return null;
  const text = typeof reason === 'object' && 'type' in reason ? reason.type : reason;
  if (typeof text !== 'string' || text === '') return null;
  if (COMPLETE.has(text)) return 'complete';
  const plain = text.trim().toLowerCase().replaceAll(/[- ]/g, '_');
  return COMPLETE.has(plain) || SYNONYMS.has(plain) ? 'synonym' : 'given-up';
}
