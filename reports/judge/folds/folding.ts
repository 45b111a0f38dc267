import type { Requests } from '../../../harness/requests.ts';
import { type Columns, RecordColumns } from '../../store/requests/chunk-columns.ts';
import { StoredRequests } from '../../store/requests/stored-requests.ts';

/** Fold over requests: it looks at each once, in scheduled order, and has a result afterwards. */
export interface Folding<Result> {
  /** Looks at the next requests. */
  readonly visit: (columns: Columns) => void;
  readonly result: () => Result;
}

/** Result of a fold over requests. */
export function folded<Result>({ visit, result }: Folding<Result>, requests: Requests): Result {
  eachColumns(requests, visit);
  return result();
}

/** Visits requests as columns, some thousand at a time; those of an array all together. */
export function eachColumns(requests: Requests, visit: (columns: Columns) => void): void {
  if (requests instanceof StoredRequests) requests.eachColumns(visit);
  else if (requests.length > 0) visit(new RecordColumns([...requests]));
}
