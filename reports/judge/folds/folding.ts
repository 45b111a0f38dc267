import type { Requests } from '../../../harness/requests.ts';
import type { Columns } from '../../store/requests/chunk-columns.ts';
import { tableOf } from '../../store/requests/table.ts';

/** Fold over requests: it looks at each once, in scheduled order, and has a result afterwards. */
export interface Folding<Result> {
  /** Looks at the next requests. */
  readonly visit: (columns: Columns) => void;
  readonly result: () => Result;
}

/** Result of a fold over requests. */
export function folded<Result>({ visit, result }: Folding<Result>, requests: Requests): Result {
  tableOf(requests).eachColumns(visit);
  return result();
}
