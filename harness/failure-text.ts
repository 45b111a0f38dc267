import type { LoadNote } from './requests.ts';

/**
 * What a service said with a failure, on one line: `404: no model nope here, there is my-model`. The message is taken out of the bodies
 * that services send: JSON of the common shapes, complete or cut off, events of a stream, HTML, plain text; of a completion without an
 * error, its finish reason. The kind alone where it said nothing. No control character, and none that reorders text, is left.
 */
export function failureText({ name, example }: Pick<LoadNote, 'name' | 'example'>): string {
  const kind = name.replace(/^http-(?=\d{3}$)/, '');
  const message = messageIn(example)
    .replaceAll(/[\s\p{Cc}\p{Cf}]+/gu, ' ')
    .trim();
  // `502 Bad Gateway` says its status itself.
  if (message === '' || message === kind || message.startsWith(`${kind} `)) return message || kind;
  return `${kind}: ${message}`;
}

/** What to change in a scenario, where a service names what it rejects; empty where it does not. @param text of {@link failureText} */
export function adviceOn(text: string): string {
  return /^4\d\d: .*\bmax_tokens\b/.test(text)
    ? 'send the limit by its new name: `load.body.max_completion_tokens: $outputTokens`'
    : '';
}

/** Control characters as an example escapes them, outside or inside of strings. */
const ESCAPED = /\\(?:[nrtbf]|x[01][\da-f]|u00[01][\da-f])/gi;
/** What precedes the data of an event in a stream: the end of the one before, fields, comments. */
const BEFORE_DATA = /(?:^|\s)(?:(?:event|id|retry)?:[^{["]*\s)?data:\s*/;

function messageIn(example: string): string {
  const flat = example.replaceAll(ESCAPED, ' ').trim();
  if (flat.startsWith('<')) return messageOfMarkup(flat);
  const events = /^[[{"]/.test(flat) ? [flat] : flat.split(BEFORE_DATA);
  // The last event that says anything is why the stream ended.
  const texts = events.length > 1 ? events.toReversed() : [example.trim(), flat];
  const found = texts.map(messageOfText).find(message => message !== '');
  return found ?? (events.length > 1 ? events.join(' ') : flat);
}

function messageOfText(text: string): string {
  return /^\s*[[{"]/.test(text) ? messageOfJson(text) : '';
}

function messageOfJson(text: string): string {
  try {
    return messageOf(JSON.parse(text), 0);
  } catch {
    return messageOfCut(text);
  }
}

/** Keys that hold a message, from the most specific: a text beside an `error` that is only a title says more. */
const KEYS = ['message', 'detail', 'details', 'msg', 'error_description', 'error', 'errors', 'faultstring', 'fault'];
const LAST_KEYS = ['description', 'title', 'reason', 'type', 'code'];
const MAX_DEPTH = 5;

/** Message in a parsed body; empty without one. */
function messageOf(value: unknown, depth: number): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return '';
  if (Array.isArray(value)) {
    const messages = value.map(item => messageOf(item, depth + 1)).filter(message => message !== '');
    return messages.join('; ');
  }
  const fields = new Map(Object.entries(value).map(([key, field]) => [key.toLowerCase(), field]));
  // An `error` with fields of its own is the whole of it; beside it stand only a status or a type.
  const inner = fields.get('error');
  const keys = typeof inner === 'object' ? ['error', ...KEYS, ...LAST_KEYS] : [...KEYS, ...LAST_KEYS];
  for (const key of keys) {
    const message = messageOf(fields.get(key), depth + 1);
    if (message === '') continue;
    // FastAPI names the invalid field beside its message.
    const where = fields.get('loc');
    return Array.isArray(where) ? `${where.join('.')}: ${message}` : message;
  }
  return finishOf(fields.get('choices'));
}

function finishOf(choices: unknown): string {
  const reasons = Array.isArray(choices) ? choices.map(choice => choice?.finish_reason) : [];
  const reason = reasons.find(value => typeof value === 'string');
  return reason === undefined ? '' : `finish_reason ${reason}`;
}

/** Message in JSON of which the end is missing. */
function messageOfCut(text: string): string {
  for (const key of KEYS) {
    const match = new RegExp(`"${key}"\\s*:\\s*"((?:[^"\\\\]|\\\\.)*)("?)`, 'i').exec(text);
    if (!match?.[1]) continue;
    return match[2] === '' ? unescaped(match[1]).replace(/…?$/, '…') : unescaped(match[1]);
  }
  return '';
}

function unescaped(text: string): string {
  try {
    return JSON.parse(`"${text}"`);
  } catch {
    return text;
  }
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", nbsp: ' ' };

/** Title or first heading of a page, message of an XML error, otherwise its text. */
function messageOfMarkup(text: string): string {
  const parts = ['title', 'h1', 'message'].map(tag => new RegExp(`<${tag}[^>]*>(.*?)(?:</|$)`, 'is').exec(text)?.[1]);
  const found = parts.find(part => part?.trim()) ?? text;
  return found.replaceAll(/<[^>]*>?/g, ' ').replaceAll(/&(#?\w+);/g, (entity, name) => ENTITIES[name] ?? entity);
}
