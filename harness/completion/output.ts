type Json = Readonly<Record<string, unknown>>;

/** Fields of a delta, or of a message, that hold output; others, such as `role` and `annotations`, do not. */
const OUTPUT = /^(?:content|text|refusal|audio|images?|tool_calls|function_call|(?:reasoning|thinking)(?:_\w+)?)$/;
/** Fields that say what a part of the output is. */
const ABOUT = new Set(['type', 'id', 'index', 'role', 'object', 'signature', 'expires_at', 'format']);

/** Whether a field of a delta, of a message or of a choice holds output, such as text, reasoning or a tool call. */
export function holdsOutput(field: string, value: unknown): boolean {
  return OUTPUT.test(field) && holds(value, field === 'tool_calls');
}

/** Whether a value holds something to read: a text, or a part with one. @param begun whether a part counts from its beginning */
function holds(value: unknown, begun = false): boolean {
  if (typeof value === 'string') return value !== '';
  if (Array.isArray(value)) return value.some(part => begun || holds(part));
  return isObject(value) && Object.entries(value).some(([field, part]) => !ABOUT.has(field) && holds(part));
}

/** Whether a chunk, or a whole response, reports a failure, in the shapes of OpenAI, vLLM, SGLang, FastAPI and the clouds. */
export function isError(chunk: Json): boolean {
  if (chunk.error || chunk.object === 'error' || chunk.type === 'error') return true;
  if (Array.isArray(chunk.choices)) return false;
  const { message, msg, detail, errors, code, status, status_code: statusCode } = chunk;
  if (holds(detail) || holds(errors)) return true;
  const isWord = typeof code === 'string' && Number.isNaN(Number(code)) && !/^(ok|success)$/i.test(code);
  const isErrorCode = [code, status, statusCode].some(value => Number(value) >= 400 || Number(value) < 0);
  return (holds(message) || holds(msg)) && (isWord || isErrorCode);
}

/** Whether a response holds embeddings. */
export function isEmbeddings({ data, choices }: Json): boolean {
  return (
    choices === undefined && Array.isArray(data) && data.some(entry => isObject(entry) && holdsVector(entry.embedding))
  );
}

/** An embedding is a list of numbers, or their bytes in Base64. */
function holdsVector(embedding: unknown): boolean {
  return typeof embedding === 'string' ? embedding !== '' : Array.isArray(embedding) && embedding.length > 0;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
