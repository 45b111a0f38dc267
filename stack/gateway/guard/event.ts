import { isObject } from './completion-texts.ts';

const DATA_LINE = /^data(?:: ?(.*))?$/s;
const DONE = '[DONE]';

/** One server-sent event: its bytes, and what its data is. */
export interface ServerEvent {
  readonly bytes: Buffer;
  /** Lines without data, such as `event`, `id` and comments. */
  readonly otherLines: readonly string[];
  /** Undefined for an event without data, such as a comment. */
  readonly data: string | undefined;
  /** The data, if it is a JSON object. */
  readonly value: Record<string, unknown> | undefined;
  /** Whether it says that the stream is over. */
  readonly isDone: boolean;
}

/** Reads the bytes of one event. */
export function readEvent(bytes: Buffer): ServerEvent {
  const lines = bytes
    .toString('utf8')
    .replace(/^\ufeff/, '')
    .split(/\r\n|\n|\r/);
  const otherLines: string[] = [];
  let data: string | undefined;
  for (const line of lines) {
    const match = DATA_LINE.exec(line);
    if (match) data = data === undefined ? (match[1] ?? '') : `${data}\n${match[1] ?? ''}`;
    else if (line !== '') otherLines.push(line);
  }
  return {
    bytes,
    otherLines,
    data,
    value: data === undefined ? undefined : parsed(data),
    isDone: data?.trim() === DONE,
  };
}

/** Bytes of an event with other data. */
export function eventOf(data: string, otherLines: readonly string[] = []): Buffer {
  const lines = [...otherLines, ...data.split('\n').map(line => `data: ${line}`)];
  return Buffer.from(`${lines.join('\n')}\n\n`);
}

/** The end of a stream of completions. */
export const DONE_EVENT = eventOf(DONE);

function parsed(data: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(data);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
