import { type MetricsSource, SAMPLE_INTERVAL_MS, type SamplingJob } from '../../harness/metrics.ts';
import { readSamples } from './query-range.ts';
import { scrapeReplicas } from './scraper.ts';

/** Delay until a round is read, since its scrape must complete first. */
const LAG_MS = 1500;
/** Timeout of one query. */
const QUERY_TIMEOUT_MS = 2000;

/** Metrics source that reads a stack's Prometheus if it has one, else scrapes the replicas. */
export function sampleStack(): MetricsSource {
  return {
    start(job) {
      const link = job.stack.links.find(({ name }) => name === 'operator→prometheus');
      return link ? readPrometheus(job, `http://${link.listen}`) : scrapeReplicas().start(job);
    },
  };
}

/**
 * Reads new rounds from Prometheus once a second, with a small delay, and the rest at the end. Rounds missed while Prometheus does
 * not respond are read by the next successful query, if Prometheus has them.
 *
 * ```
 * start 0.5 s   1.5 s   2.5 s   3.5 s      rounds, as of the scraper
 * ├──────┼───────┼───────┼───────┼──
 *                     ▲ reads the rounds up to 1.5 s before
 * ```
 */
function readPrometheus(job: SamplingJob, url: string): AsyncDisposable {
  const { clock, startAtMs } = job;
  const machine = { clock, network: job.stack.network };
  const login = job.stack.prometheusLogin;
  const stopping = new AbortController();
  const startEpochMs = clock.date().getTime() - (clock.nowMs() - startAtMs);
  let fromMs = roundAfter(clock.nowMs() - startAtMs);
  const read = async (lagMs: number) => {
    const toMs = roundAfter(clock.nowMs() - startAtMs - lagMs) - SAMPLE_INTERVAL_MS;
    if (toMs < fromMs) return;
    const signal = new AbortController().signal;
    const times = { startEpochMs, fromMs, toMs, timeoutMs: QUERY_TIMEOUT_MS };
    const rounds = await readSamples({ machine, url, login, ...times, signal });
    for (const { seenMs, readings } of rounds) job.record(startAtMs + seenMs, readings);
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

/** Time of the first round after `atMs`, both in ms from the start. Rounds are half-way between full seconds. */
function roundAfter(atMs: number): number {
  return (Math.floor(atMs / SAMPLE_INTERVAL_MS - 0.5) + 1.5) * SAMPLE_INTERVAL_MS;
}
