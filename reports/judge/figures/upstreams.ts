import { rounded } from '../../rounding.ts';
import { type Columns, textsThat } from '../../store/requests/chunk-columns.ts';
import type { RunDocument, UpstreamResult } from '../../store/run-document.ts';
import type { Folding } from '../folds/folding.ts';
import { isFailureText, latenciesIn } from '../folds/latencies.ts';
import { quantilesOf, ValueCollector } from '../samples.ts';
import { TokenCounter } from '../tokens.ts';

/** A header that names more is no name of an upstream, or the report no place for all of them. */
const MAX_UPSTREAMS = 20;

/**
 * Requests of the load, without the warm-up, by the upstream that their responses name; nothing if none does.
 * @param endMs end of the load, over which rates are averaged
 */
export function upstreamsFold(endMs: number): Folding<Pick<RunDocument, 'upstreams'>> {
  /** By the position of the name in the texts of the columns. */
  const folds: UpstreamFold[] = [];
  const visit = (columns: Columns) => {
    const [scheduledMs, upstreams] = [columns.values('scheduledMs'), columns.values('upstream')];
    for (const [name, rows] of rowsBy(upstreams, columns.rows, row => scheduledMs[row]! >= 0)) {
      if (columns.texts[name] === '') continue;
      folds[name] ??= new UpstreamFold(endMs, columns.texts[name]!);
      folds[name].addRows(columns, rows);
    }
  };
  const result = () => {
    const upstreams = folds
      .filter(fold => fold !== undefined)
      .sort((a, b) => b.requests - a.requests || (a.name < b.name ? -1 : 1))
      .slice(0, MAX_UPSTREAMS)
      .map(fold => fold.result());
    return upstreams.length === 0 ? {} : { upstreams };
  };
  return { visit, result };
}

/** Rows that pass a test, by their value. */
function rowsBy(values: Float64Array, rows: number, test: (row: number) => boolean): Map<number, number[]> {
  const found = new Map<number, number[]>();
  for (let row = 0; row < rows; row += 1) {
    if (!test(row)) continue;
    const own = found.get(values[row]!);
    if (own) own.push(row);
    else found.set(values[row]!, [row]);
  }
  return found;
}

class UpstreamFold {
  requests = 0;
  readonly name: string;
  #failed = 0;
  readonly #endMs: number;
  readonly #ttft = new ValueCollector();
  readonly #latency = new ValueCollector();
  readonly #tokens: TokenCounter;

  constructor(endMs: number, name: string) {
    this.#endMs = endMs;
    this.name = name;
    this.#tokens = new TokenCounter({ fromMs: 0, partMs: endMs, count: endMs > 0 ? 1 : 0 });
  }

  addRows(columns: Columns, rows: readonly number[]): void {
    const { ttft, latency } = latenciesIn(columns);
    const [outcomes, isFailed] = [columns.values('outcome'), textsThat(columns, isFailureText)];
    this.requests += rows.length;
    for (const row of rows) {
      if (isFailed[outcomes[row]!] === 1) this.#failed += 1;
      if (!Number.isNaN(ttft[row])) this.#ttft.add(ttft[row]!);
      if (!Number.isNaN(latency[row])) this.#latency.add(latency[row]!);
    }
    this.#tokens.addRows(columns, rows);
  }

  result(): UpstreamResult {
    const [tokens = 0] = this.#tokens.counts;
    return {
      ...{ name: this.name, requests: this.requests, failed: this.#failed },
      ttftMs: quantilesOf(this.#ttft.samples()),
      latencyMs: quantilesOf(this.#latency.samples()),
      outputTokensPerSecond: this.#endMs > 0 ? rounded((tokens * 1000) / this.#endMs) : 0,
    };
  }
}
