import type { LoadNote } from '../../../harness/requests.ts';
import { excerptOf } from './excerpt.ts';

/** Headers that tell who sent a response. */
const TELLING_HEADERS = [
  ...['content-type', 'server', 'via', 'x-request-id', 'request-id', 'x-ms-request-id', 'apim-request-id'],
  ...['x-amzn-requestid', 'x-amzn-request-id', 'x-trace-id', 'cf-ray', 'x-litellm-call-id'],
];
/** Limit of the kinds of notes: their names may come from a server. */
const MAX_NOTES = 50;

/** Finds a header of a response by its name in lower case. */
export type FindHeader = (name: string) => string | undefined;

/** What was noticed about responses: the first example of each kind, and counts. */
export class Notes {
  readonly #notes = new Map<string, LoadNote>();

  /** Counts a response with an oddity. @param sentence kept if it is the first of its kind */
  oddity(name: string, sentence: string, secrets: readonly string[] = []): void {
    this.#count('oddity', name, () => excerptOf(sentence, secrets));
  }

  /** Counts a failure. @returns whether an example of its kind is wanted */
  failure(name: string): boolean {
    return this.#count('failure', name, () => '')?.example === '';
  }

  /** Adds the example of a failure that was counted; kept if it is the first. */
  explain(name: string, text: string, header: FindHeader | undefined, secrets: readonly string[]): void {
    const note = this.#notes.get(`failure ${name}`);
    if (note?.example !== '') return;
    const headers: Record<string, string> = {};
    for (const key of TELLING_HEADERS) {
      const value = header?.(key);
      if (value) headers[key] = excerptOf(value, secrets);
    }
    this.#notes.set(`failure ${name}`, { ...note, example: excerptOf(text, secrets), ...(header && { headers }) });
  }

  /** In the order of their first appearance. */
  list(): LoadNote[] {
    return [...this.#notes.values()];
  }

  #count(type: LoadNote['type'], name: string, example: () => string): LoadNote | undefined {
    const key = `${type} ${name}`;
    const known = this.#notes.get(key);
    if (!known && this.#notes.size >= MAX_NOTES) return undefined;
    const note: LoadNote = known ? { ...known, count: known.count + 1 } : { type, name, count: 1, example: example() };
    this.#notes.set(key, note);
    return note;
  }
}

/** Values of a request's headers that must appear in no report: all but those that every client sends. */
export function secretsOf(headers: Readonly<Record<string, string>>): string[] {
  return Object.entries(headers).flatMap(([name, value]) => (PUBLIC_HEADERS.has(name.toLowerCase()) ? [] : [value]));
}

const PUBLIC_HEADERS = new Set([
  ...['accept', 'accept-encoding', 'content-type', 'host', 'user-agent', 'x-priority', 'x-request-id', 'x-retry-count'],
]);
