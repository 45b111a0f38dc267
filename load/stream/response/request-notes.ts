import { errorKind, isFailure, type RequestRecord } from '../../../harness/requests.ts';
import { type Notes, secretsOf } from './notes.ts';
import type { Response } from './response.ts';

/** What is noted of one request: what was odd about its response, and its failure, explained once the rest of the body is in. */
export class RequestNotes {
  readonly #notes: Notes;
  readonly #secrets: readonly string[];
  #unexplained: string | undefined;

  /** @param headers of the request, whose values are masked */
  constructor(notes: Notes, headers: Readonly<Record<string, string>>) {
    this.#notes = notes;
    this.#secrets = secretsOf(headers);
  }

  /** Whether the rest of the body is wanted although the outcome is known. */
  get wantsBody(): boolean {
    return this.#unexplained !== undefined;
  }

  /** Call it once the outcome is known. @param why explains a failure better than the response does */
  settled(record: RequestRecord, response: Response | undefined, why?: string): void {
    response?.note(this.#notes, this.#secrets);
    if (!isFailure(record) || !this.#notes.failure(errorKind(record))) return;
    this.#unexplained = errorKind(record);
    if (why !== undefined) this.#explain(why, response);
  }

  /** Call it once nothing more of the body is read. */
  ended(response: Response | undefined): void {
    if (this.wantsBody) this.#explain(response?.telling ?? 'no response', response);
  }

  #explain(text: string, response: Response | undefined): void {
    this.#notes.explain(this.#unexplained!, text, response?.head.header, this.#secrets);
    this.#unexplained = undefined;
  }
}
