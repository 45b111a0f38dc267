import { createParser } from 'eventsource-parser';
import { endingOf } from '../../../harness/completion/finish-reason.ts';
import { isEmbeddings, isError } from '../../../harness/completion/output.ts';
import type { SharedResponse } from '../merge/shared-response.ts';

/** A response as it is kept. */
export interface Entry {
  /** Alternating names and values. */
  readonly headers: readonly string[];
  readonly body: Buffer;
  /** When it was complete, in ms since the epoch. */
  readonly storedMs: number;
}

/** Bytes of an entry: the length of its head, its head as JSON, its body. */
export function encode({ headers, body, storedMs }: Entry): Buffer {
  const head = Buffer.from(JSON.stringify({ headers, storedMs }));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(head.length);
  return Buffer.concat([length, head, body]);
}

/** The entry of {@link encode}. */
export function decode(bytes: Buffer): Entry {
  const headEnd = 4 + bytes.readUInt32BE(0);
  return { ...JSON.parse(bytes.toString('utf8', 4, headEnd)), body: bytes.subarray(headEnd) };
}

/** Headers of a response that is for one client only, or not to be read as text. */
const NOT_KEPT = new Set(['set-cookie', 'content-encoding', 'trailer']);

/**
 * What of a response may be kept; undefined unless it is a 200 in full, at most `maxBytes` long, that ends as it should: a document without an error, or events
 * up to `[DONE]`, in which each choice has a finish reason other than that the engine gave up. `cache-control: no-store` or `private` of an upstream is respected.
 */
export function keepable(response: SharedResponse, maxBytes: number, nowMs: number): Entry | undefined {
  const { head, body, trailers } = response;
  if (head?.status !== 200 || !body || body.length > maxBytes || trailers.length > 0) return undefined;
  const { headers } = head;
  for (let at = 0; at < headers.length; at += 2) {
    const [name = '', value = ''] = headers.slice(at, at + 2);
    if (NOT_KEPT.has(name) && !/^identity$/i.test(value)) return undefined;
    if (name === 'cache-control' && /\b(?:no-store|private)\b/i.test(value)) return undefined;
  }
  return endsWell(body.toString('utf8')) ? { headers, body, storedMs: nowMs } : undefined;
}

function endsWell(text: string): boolean {
  const isStream = /^\s*(?:data|event|id|retry)?:/.test(text);
  const events = isStream ? eventsOf(text) : [text];
  if (isStream && events.pop()?.trim() !== '[DONE]') return false;
  const open = new Set<unknown>();
  let hasResult = false;
  for (const value of events.map(parse)) {
    if (typeof value !== 'object' || value === null || isError(value as Record<string, unknown>)) return false;
    const { choices } = value as { choices?: unknown };
    if (isEmbeddings(value as Record<string, unknown>)) hasResult = true;
    if (!Array.isArray(choices)) continue;
    for (const { index = 0, finish_reason: reason, error } of choices) {
      const ending = endingOf(reason);
      if (error || ending === 'given-up') return false;
      hasResult = true;
      if (ending === null) open.add(index);
      else open.delete(index);
    }
  }
  return hasResult && open.size === 0;
}

function eventsOf(text: string): string[] {
  const events: string[] = [];
  const parser = createParser({ onEvent: ({ data, event }) => events.push(event === 'error' ? '' : data) });
  parser.feed(`${text}\n\n`);
  return events;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
