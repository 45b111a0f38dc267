import type { Requests } from '../../harness/requests.ts';
import { formatPercent } from '../rounding.ts';
import type { Columns } from '../store/requests/chunk-columns.ts';
import { folded } from './folds/folding.ts';
import { Known } from './folds/known.ts';
import type { LatencyMetric } from './samples.ts';

/** Most responses: above this ratio. */
const MOST = 0.5;
/** Tokens per read above which the gaps between reads do not show those between tokens. */
const BUNDLED_TOKENS = 2;
/** Reads of a response that was buffered on its way. */
const MAX_BUFFERED_READS = 2;

/** How the tokens of responses arrived. */
export interface Delivery {
  /** Responses of which the number of reads is known, with at least two tokens or frames. */
  readonly responses: number;
  /** Of these, responses that arrived in one or two reads although they had more frames, or at least twice as many tokens. */
  readonly buffered: number;
  /** Mean over these responses; null without any. */
  readonly tokensPerRead: number | null;
}

/** Counts how responses arrived, one by one. */
export class DeliveryCounter {
  #responses = 0;
  #buffered = 0;
  #tokens = 0;
  #reads = 0;

  addRows(columns: Columns, from: number, to: number): void {
    const [allFrames, allReads, tokens] = [
      columns.values('frames'),
      columns.values('reads'),
      columns.values('outputTokens'),
    ];
    for (let row = from; row < to; row += 1) {
      const reads = allReads[row]!;
      const frames = allFrames[row]! || 0;
      const units = Math.max(frames, tokens[row]!);
      if (!(reads > 0 || reads < 0) || units < 2) continue;
      this.#responses += 1;
      this.#tokens += units;
      this.#reads += reads;
      if (reads <= MAX_BUFFERED_READS && (frames > reads || tokens[row]! >= 2 * reads)) this.#buffered += 1;
    }
  }

  merge(other: DeliveryCounter): void {
    this.#responses += other.#responses;
    this.#buffered += other.#buffered;
    this.#tokens += other.#tokens;
    this.#reads += other.#reads;
  }

  delivery(): Delivery {
    const [responses, buffered] = [this.#responses, this.#buffered];
    return { responses, buffered, tokensPerRead: this.#reads === 0 ? null : this.#tokens / this.#reads };
  }
}

/** Delivery of the responses to some requests. */
export const DELIVERY = new Known<Delivery>(requests => {
  const counter = new DeliveryCounter();
  const visit = (columns: Columns) => counter.addRows(columns, 0, columns.rows);
  return folded({ visit, result: () => counter.delivery() }, requests);
});

/** Sentence on responses most of which were buffered, so that the times between their tokens are not known; undefined for others. */
export function bufferedRemark({ responses, buffered }: Delivery): string | undefined {
  if (buffered <= MOST * responses) return undefined;
  return `Buffered: ${buffered} of ${responses} responses (${formatPercent(buffered, responses)}) arrived in one or two reads, so the times between their tokens are unknown. Look for a proxy that buffers responses (nginx: proxy_buffering off), for compression, or for a server that does not stream; \`latency\` can be judged.`;
}

/** Why a metric decides nothing over these requests; undefined if it may. */
export function undecidedBy(metric: LatencyMetric, requests: Requests): string | undefined {
  return metric === 'itl' || metric === 'tpot' ? bufferedRemark(DELIVERY.of(requests)) : undefined;
}

/** Sentence beside gaps between tokens that arrived several at a time; empty for others. */
export function bundledRemark(metric: LatencyMetric, requests: Requests): string {
  if (metric !== 'itl') return '';
  const { tokensPerRead } = DELIVERY.of(requests);
  if (tokensPerRead === null || tokensPerRead < BUNDLED_TOKENS) return '';
  return ` Tokens arrived in bundles, ${Number(tokensPerRead.toPrecision(2))} to a read on average, and gaps lie between reads only: judge the time per token with \`tpot\`.`;
}
