import type { MetricsSource, RunningStack, SamplingJob } from '../../harness/contracts.ts';
import { SAMPLE_INTERVAL_MS } from '../../harness/metrics.ts';
import { readSamples } from './query-range.ts';
import { scrapeReplicas } from './scraper.ts';

/** How far behind the present rounds are asked for: Prometheus has them only after its scrape, which takes its time. */
const LAG_MS = 1500;
/** Longest wait for one answer, and for the last rounds at the end. */
const ANSWER_LIMIT_MS = 2000;

/** Samples a stack out of its Prometheus where it has one, else by asking the replicas themselves. */
export function sampleStack(): MetricsSource {
  return {
    start(job) {
      const url = prometheusOf(job.stack);
      return url === undefined ? scrapeReplicas().start(job) : readPrometheus(job, url);
    },
  };
}

/** The base URL under which a stack's Prometheus is reached from outside; undefined when it has none. */
function prometheusOf({ links }: Pick<RunningStack, 'links'>): string | undefined {
  const link = links.find(({ name }) => name === 'operator→prometheus');
  return link && `http://${link.listen}`;
}

/**
 * Reads the rounds that Prometheus has meanwhile, once a second, a little behind the present, and the rest at the end. While
 * Prometheus does not answer nothing is lost: the next answer brings all that is missing, as far as Prometheus itself has it.
 *
 * ```
 * zero  0.5 s   1.5 s   2.5 s   3.5 s      rounds, as the scraper has them
 * ├──────┼───────┼───────┼───────┼──
 *                     ▲ asks for the rounds up to 1.5 s before
 * ```
 */
function readPrometheus(job: SamplingJob, url: string): AsyncDisposable {
  const { clock, zeroMs } = job;
  const stopping = new AbortController();
  const zeroEpochMs = clock.date().getTime() - (clock.nowMs() - zeroMs);
  let fromMs = roundAfter(clock.nowMs() - zeroMs);
  const read = async (lagMs: number) => {
    const toMs = roundAfter(clock.nowMs() - zeroMs - lagMs) - SAMPLE_INTERVAL_MS;
    if (toMs < fromMs) return;
    const signal = new AbortController().signal;
    const rounds = await readSamples({ url, zeroEpochMs, fromMs, toMs, signal, limitMs: ANSWER_LIMIT_MS });
    for (const { seenMs, readings } of rounds) job.record(zeroMs + seenMs, readings);
    fromMs = toMs + SAMPLE_INTERVAL_MS;
  };
  const reading = (async () => {
    while (!stopping.signal.aborted) {
      await clock.sleep(SAMPLE_INTERVAL_MS, stopping.signal).catch(() => {});
      if (!stopping.signal.aborted) await read(LAG_MS).catch(() => {});
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await reading;
      await read(0).catch(() => {});
    },
  };
}

/** The first round after an instant, both in ms from time zero: rounds lie half-way between whole seconds. */
function roundAfter(atMs: number): number {
  return (Math.floor(atMs / SAMPLE_INTERVAL_MS - 0.5) + 1.5) * SAMPLE_INTERVAL_MS;
}
