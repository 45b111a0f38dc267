import type { RequestRecord, Requests } from '../../../harness/requests.ts';

/** Fold over requests: it looks at each once, in scheduled order, and has a result afterwards. */
export interface Folding<Result> {
  /** Each is called with every record, independently of the others. */
  readonly visits: readonly ((record: RequestRecord) => void)[];
  readonly result: () => Result;
}

/** Result of a fold over requests. */
export function folded<Result>({ visits, result }: Folding<Result>, requests: Requests): Result {
  foldTogether(requests, visits);
  return result();
}

/**
 * Calls several functions with each record, and filters by several tests: in one go where the records are a table, whose columns are then
 * decoded once.
 * @returns the records that pass each of the tests
 */
export function foldTogether(
  requests: Requests,
  visits: readonly ((record: RequestRecord) => void)[],
  tests: readonly ((record: RequestRecord) => boolean)[] = [],
): Requests[] {
  if (requests.together) return requests.together(visits, tests);
  for (const visit of visits) requests.forEach(visit);
  return tests.map(test => requests.filter(test));
}
