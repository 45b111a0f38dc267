import type { Requests } from '../../../harness/requests.ts';

/** Results of a fold by the requests that it was over, since several SLOs, gates and figures ask for those of the same ones. */
export class Known<Result> {
  readonly #known = new WeakMap<Requests, Result>();
  readonly #fold: (requests: Requests) => Result;

  constructor(fold: (requests: Requests) => Result) {
    this.#fold = fold;
  }

  of(requests: Requests): Result {
    const known = this.#known.get(requests) ?? this.#fold(requests);
    this.#known.set(requests, known);
    return known;
  }

  /** Makes a result known that was found elsewhere. */
  set(requests: Requests, result: Result): void {
    this.#known.set(requests, result);
  }
}
