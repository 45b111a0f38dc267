import { isFailure, latencyMs, type RequestRecord, timeToFirstTokenMs } from '../../../harness/requests.ts';
import { rounded } from '../../rounding.ts';
import type { RunDocument, UpstreamResult } from '../../store/run-document.ts';
import type { Folding } from '../folds/folding.ts';
import { quantilesOf, ValueCollector } from '../samples.ts';
import { TokenCounter } from '../tokens.ts';

/** A header that names more is no name of an upstream, or the report no place for all of them. */
const MAX_UPSTREAMS = 20;

/**
 * Requests of the load, without the warm-up, by the upstream that their responses name; nothing if none does.
 * @param endMs end of the load, over which rates are averaged
 */
export function upstreamsFold(endMs: number): Folding<Pick<RunDocument, 'upstreams'>> {
  const folds = new Map<string, UpstreamFold>();
  const visit = (record: RequestRecord) => {
    const { scheduledMs, upstream } = record;
    if (scheduledMs < 0 || upstream === '') return;
    const fold = folds.get(upstream) ?? new UpstreamFold(endMs);
    if (fold.requests === 0) folds.set(upstream, fold);
    fold.add(record);
  };
  const result = () => {
    const upstreams = [...folds]
      .sort(([a, left], [b, right]) => right.requests - left.requests || (a < b ? -1 : 1))
      .slice(0, MAX_UPSTREAMS)
      .map(([name, fold]) => fold.result(name));
    return upstreams.length === 0 ? {} : { upstreams };
  };
  return { visits: [visit], result };
}

class UpstreamFold {
  requests = 0;
  #failed = 0;
  readonly #endMs: number;
  readonly #ttft = new ValueCollector();
  readonly #latency = new ValueCollector();
  readonly #tokens: TokenCounter;

  constructor(endMs: number) {
    this.#endMs = endMs;
    this.#tokens = new TokenCounter({ fromMs: 0, partMs: endMs, count: endMs > 0 ? 1 : 0 });
  }

  add(record: RequestRecord): void {
    this.requests += 1;
    if (isFailure(record)) this.#failed += 1;
    const ttft = timeToFirstTokenMs(record);
    const latency = latencyMs(record);
    if (ttft !== null) this.#ttft.add(ttft);
    if (latency !== null) this.#latency.add(latency);
    this.#tokens.add(record);
  }

  result(name: string): UpstreamResult {
    const [tokens = 0] = this.#tokens.counts;
    return {
      ...{ name, requests: this.requests, failed: this.#failed },
      ttftMs: quantilesOf(this.#ttft.samples()),
      latencyMs: quantilesOf(this.#latency.samples()),
      outputTokensPerSecond: this.#endMs > 0 ? rounded((tokens * 1000) / this.#endMs) : 0,
    };
  }
}
