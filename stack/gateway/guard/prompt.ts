import { isObject } from './completion-texts.ts';

/** Fields of a request that reach the model as text, beside the prompt itself. */
const MORE_TEXT = ['tools', 'functions', 'suffix'];
/** Parts of a prompt that are no text: pictures, sounds, files, and their addresses. */
const NO_TEXT = new Set(['image_url', 'input_audio', 'audio_url', 'video_url', 'file', 'role', 'type']);
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
 * its tool calls, the definitions of tools, and a suffix. To count the last message only would let a client move its text into another.
 */
export function measurePrompt(request: Readonly<Record<string, unknown>>, promptField: string): PromptMeasure {
  let characters = 0;
  let hasControl = false;
  const visit = (value: unknown): void => {
    if (typeof value === 'string') {
      characters += codePoints(value);
      hasControl ||= CONTROL.test(value) || !value.isWellFormed();
    } else if (typeof value === 'number') characters += 1;
    else if (Array.isArray(value)) value.forEach(visit);
    else if (isObject(value)) for (const key in value) if (!NO_TEXT.has(key)) visit(value[key]);
  };
  for (const field of [promptField, ...MORE_TEXT]) visit(request[field]);
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
