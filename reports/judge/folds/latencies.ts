import { isFailure, type Outcome } from '../../../harness/requests.ts';
import { type Columns, textsThat } from '../../store/requests/chunk-columns.ts';

/** Latencies of some rows in ms, NaN for none: as `timeToFirstTokenMs`, `latencyMs` and `timePerOutputTokenMs` of a request. */
export interface Latencies {
  readonly ttft: Float64Array;
  readonly latency: Float64Array;
  readonly tpot: Float64Array;
}

/** Latencies of rows, which several folds look at in turn. */
export function latenciesIn(columns: Columns): Latencies {
  const known = KNOWN.get(columns);
  if (known) return known;
  const { rows } = columns;
  const [scheduledMs, endMs] = [columns.values('scheduledMs'), columns.values('endMs')];
  const [firstMs, lastMs] = [columns.values('firstTokenMs'), columns.values('lastTokenMs')];
  const [outcomes, tokens] = [columns.values('outcome'), columns.values('outputTokens')];
  const isOk = textsThat(columns, isOkText);
  const [ttft, latency, tpot] = [new Float64Array(rows), new Float64Array(rows), new Float64Array(rows)];
  for (let row = 0; row < rows; row += 1) {
    const first = firstMs[row]!;
    const last = lastMs[row]!;
    ttft[row] = first - scheduledMs[row]!;
    latency[row] = isOk[outcomes[row]!] === 1 ? endMs[row]! - scheduledMs[row]! : Number.NaN;
    // Without one of them it is not larger.
    tpot[row] = tokens[row]! >= 2 && last > first ? (last - first) / (tokens[row]! - 1) : Number.NaN;
  }
  const found = { ttft, latency, tpot };
  KNOWN.set(columns, found);
  return found;
}

const KNOWN = new WeakMap<Columns, Latencies>();

/** Whether a text is the outcome of a request that completed. */
export function isOkText(outcome: string): boolean {
  return outcome === 'ok';
}

/** Whether a text is the outcome of a request that failed. */
export function isFailureText(outcome: string): boolean {
  return isFailure({ outcome: outcome as Outcome });
}
