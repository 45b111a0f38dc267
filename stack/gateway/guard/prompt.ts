import { isObject } from './completion-texts.ts';

/** Fields of a request that reach the model as text, beside the prompt itself; the last ones are those of vLLM's templates. */
const MORE_TEXT = ['tools', 'functions', 'suffix', 'documents', 'chat_template', 'chat_template_kwargs'];
/** Parts of a message that are no text: pictures, sounds, files, and their addresses. */
const NO_TEXT = new Set(['image_url', 'input_audio', 'audio_url', 'video_url', 'file', 'type']);
/** Roles and types that say what a part is. What a client has put in their place is text like any other. */
const ROLES = new Set<unknown>(['system', 'developer', 'user', 'assistant', 'tool', 'function']);
const TYPES = new Set<unknown>(['function', 'object', 'array', 'string', 'number', 'integer', 'boolean', 'null']);
/** Names that definitions of tools consist of; all others are those of a client's parameters. */
const STRUCTURE = new Set(
  ['type', 'function', 'name', 'description', 'parameters', 'properties', 'required', 'items', 'enum', 'strict'].concat(
    ['default', 'format', 'title', 'anyOf', 'oneOf', 'allOf', '$ref', '$defs', 'additionalProperties'],
    ['minimum', 'maximum', 'minLength', 'maxLength', 'minItems', 'maxItems', 'pattern', 'const', 'examples'],
  ),
);
/** All but tab, line feed and carriage return; and halves of surrogate pairs, which are no characters. */
const CONTROL = /[^\P{Cc}\t\n\r]/u;

/** What a prompt consists of. */
export interface PromptMeasure {
  /** Unicode code points; each token of a prompt of token ids counts as one. */
  readonly characters: number;
  /** Whether there are control characters in it. */
  readonly hasControl: boolean;
}

/**
 * Measures the prompt of a request: all that the model reads as text, which is every message of a conversation with the names and arguments of
 * its tool calls, the definitions of tools with the names of their parameters, and a suffix. To count the last message only would let a client move its text into another.
 */
export function measurePrompt(request: Readonly<Record<string, unknown>>, promptField: string): PromptMeasure {
  let characters = 0;
  let hasControl = false;
  const visit = (value: unknown, hasNames = false): void => {
    if (typeof value === 'string') {
      characters += codePoints(value);
      hasControl ||= CONTROL.test(value) || !value.isWellFormed();
    } else if (typeof value === 'number') characters += 1;
    else if (Array.isArray(value)) for (const item of value) visit(item, hasNames);
    else if (isObject(value))
      for (const key in value) {
        if (hasNames && !STRUCTURE.has(key)) visit(key);
        if (key !== 'type' || !TYPES.has(value[key])) visit(value[key], hasNames);
      }
  };
  const visitPart = (part: unknown): void => {
    if (!isObject(part)) visit(part);
    else for (const key in part) if (!NO_TEXT.has(key)) visit(part[key]);
  };
  const visitMessage = (message: unknown): void => {
    const fields = isObject(message) ? Object.entries(message) : [];
    for (const [key, value] of fields) {
      if (key === 'content' && Array.isArray(value)) value.forEach(visitPart);
      else if (key !== 'role' || !ROLES.has(value)) visit(value);
    }
    if (!isObject(message)) visit(message);
  };
  const prompt = request[promptField];
  if (Array.isArray(prompt)) prompt.forEach(visitMessage);
  else visit(prompt);
  for (const field of MORE_TEXT) visit(request[field], true);
  return { characters, hasControl };
}

function codePoints(text: string): number {
  let count = text.length;
  for (let at = 0; at < text.length; at += 1) {
    // The second half of a pair.
    if ((text.charCodeAt(at) & 0xfc00) === 0xdc00 && (text.charCodeAt(at - 1) & 0xfc00) === 0xd800) count -= 1;
  }
  return count;
}
