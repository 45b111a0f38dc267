/** Fields of a request with text that a model reads. */
const TEXT_FIELDS = ['messages', 'prompt', 'input'];

/** A request whose text is prepared. */
export interface Prepared {
  /** JSON. */
  readonly body: string;
  /** Characters (UTF-16 units) of its text. */
  readonly characters: number;
}

/**
 * Prepares the text of a request for a model, as tokenizers expect it: composed characters (Unicode NFC), and one kind of line end. Everything else stays as it is.
 * @throws SyntaxError for what is no JSON object
 */
export function prepare(json: string): Prepared {
  const request: unknown = JSON.parse(json);
  if (typeof request !== 'object' || request === null || Array.isArray(request))
    throw new SyntaxError('Expected a JSON object.');
  let characters = 0;
  const visit = (value: unknown): unknown => {
    if (typeof value === 'string') {
      characters += value.length;
      return value.replaceAll('\r\n', '\n').normalize('NFC');
    }
    if (Array.isArray(value)) return value.map(visit);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, own]) => [key, TEXTS.has(key) ? visit(own) : own]));
  };
  const prepared = TEXT_FIELDS.flatMap(field => (field in request ? [[field, visit(request[field as never])]] : []));
  return { body: JSON.stringify({ ...request, ...Object.fromEntries(prepared) }), characters };
}

/** Fields of messages and their parts that hold text; others are names, types and addresses. */
const TEXTS = new Set(['content', 'text']);
