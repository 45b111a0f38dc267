import { Agent } from 'undici';
import type { Replica } from '../../harness/contracts.ts';
import { type MetricsSource, type Readings, SAMPLE_INTERVAL_MS, type SamplingJob } from '../../harness/metrics.ts';
import { readText } from './bounded-text.ts';
import { parseExposition } from './exposition.ts';
import { isKept, readingsOf } from './series.ts';

/** Maximum size of a response. */
const MAX_BYTES = 2 ** 20;

/** Settings of {@link scrapeReplicas}. */
export interface ScraperOptions {
  /** Interval between rounds, in ms. @default 1000 */
  readonly everyMs?: number;
  /** Timeout of a complete response, in ms; less than `everyMs`, so that rounds never overlap. @default 800 */
  readonly timeoutMs?: number;
}

/**
 * Metrics source that scrapes all replicas once a second, concurrently and directly instead of over links, so that a broken link
 * does not hide the metrics of the service behind it.
 *
 * ```
 * start    0.5 s            1.5 s            2.5 s
 * ├─────────┼────────────────┼────────────────┼───   rounds, in the middle of the report's one-second slots
 *           ├ scrape ┤ record                 ├ scrape ┤…      late rounds are skipped
 * ```
 *
 * A replica without a 200 in time is missing in the round; one that is not running is not scraped.
 */
export function scrapeReplicas(options: ScraperOptions = {}): MetricsSource {
  const { everyMs = SAMPLE_INTERVAL_MS, timeoutMs = 0.8 * everyMs } = options;
  return {
    start(job) {
      const stopping = new AbortController();
      const agent = new Agent({ connections: 1, pipelining: 1, keepAliveTimeout: 10 * everyMs });
      const scrapeOne = (replica: Replica) =>
        scrape(replica, agent, AbortSignal.any([stopping.signal, AbortSignal.timeout(timeoutMs)]));
      // Rejects when stopped or when recording fails, neither of which is reported here.
      const rounds = sampleRounds(job, everyMs, scrapeOne, stopping.signal).catch(() => {});
      return {
        async [Symbol.asyncDispose]() {
          stopping.abort();
          await rounds;
          await agent.destroy();
        },
      };
    },
  };
}

type Scrape = (replica: Replica) => Promise<Readings | null>;

async function sampleRounds(job: SamplingJob, everyMs: number, scrapeOne: Scrape, signal: AbortSignal): Promise<void> {
  for (;;) {
    await job.clock.sleep(untilNextRoundMs(job, everyMs), signal);
    const takenAtMs = job.clock.nowMs();
    const scraped = await Promise.all(
      job.stack.replicas.map(async replica => [replica.name, await scrapeOne(replica)] as const),
    );
    signal.throwIfAborted();
    job.record(takenAtMs, Object.fromEntries(scraped.filter(([, readings]) => readings !== null)) as never);
  }
}

/** Time until the next round. Rounds are half-way between multiples of `everyMs` from the start. */
function untilNextRoundMs({ startAtMs, clock }: SamplingJob, everyMs: number): number {
  const sinceMs = clock.nowMs() - startAtMs - everyMs / 2;
  return (Math.floor(sinceMs / everyMs + 5e-3) + 1) * everyMs - sinceMs;
}

/** Scrapes one replica; null without readings. */
async function scrape(replica: Replica, agent: Agent, signal: AbortSignal): Promise<Readings | null> {
  const { metricsPath: path } = replica;
  const runs = replica.state === 'ready' || replica.state === 'starting';
  if (path === undefined || !runs || !replica.url.startsWith('http:')) return null;
  try {
    const response = await agent.request({ origin: replica.url, path, method: 'GET', signal });
    const text = await readText(response.body, response.statusCode === 200 ? MAX_BYTES : 0);
    if (text === null) return null;
    const readings = readingsOf(parseExposition(text, isKept));
    return Object.keys(readings).length === 0 ? null : readings;
  } catch {
    return null;
  }
}
