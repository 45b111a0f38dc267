import { isFailure, type RequestRecord } from '../../../harness/requests.ts';
import { rounded } from '../../rounding.ts';
import type { RunDocument, UpstreamResult } from '../../store/run-document.ts';
import { quantilesOf, samplesOf } from '../samples.ts';
import { tokensIn } from '../tokens.ts';

/** A header that names more is no name of an upstream, or the report no place for all of them. */
const MAX_UPSTREAMS = 20;

/**
 * Requests of the load, without the warm-up, by the upstream that their responses name; nothing if none does.
 * @param endMs end of the load, over which rates are averaged
 */
export function upstreamsOf(records: readonly RequestRecord[], endMs: number): Pick<RunDocument, 'upstreams'> {
  const named = records.filter(({ scheduledMs, upstream }) => scheduledMs >= 0 && upstream !== '');
  const upstreams = [...Map.groupBy(named, ({ upstream }) => upstream)]
    .sort(([a, left], [b, right]) => right.length - left.length || (a < b ? -1 : 1))
    .slice(0, MAX_UPSTREAMS)
    .map(([name, requests]) => resultOf(name, requests, endMs));
  return upstreams.length === 0 ? {} : { upstreams };
}

function resultOf(name: string, requests: readonly RequestRecord[], endMs: number): UpstreamResult {
  const [tokens = 0] = endMs > 0 ? tokensIn({ fromMs: 0, partMs: endMs, count: 1 }, requests) : [];
  return {
    name,
    requests: requests.length,
    failed: requests.filter(isFailure).length,
    ttftMs: quantilesOf(samplesOf('ttft', requests)),
    latencyMs: quantilesOf(samplesOf('latency', requests)),
    outputTokensPerSecond: endMs > 0 ? rounded((tokens * 1000) / endMs) : 0,
  };
}
