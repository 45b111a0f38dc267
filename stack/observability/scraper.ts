import type { Agent } from 'undici';
import type { Replica, RunningStack } from '../../harness/contracts.ts';
import type { MetricsSource, Readings, SamplingJob } from '../../harness/metrics.ts';
import { endpointAgent, type MetricsEndpoint, readEndpoint, readInside } from './endpoint.ts';
import { queryOf } from './metrics-text.ts';
import { OWN_SERIES } from './series.ts';

/** Settings of {@link scrapeReplicas} and {@link scrapeEndpoints}. */
export interface ScraperOptions {
  /** Timeout of a complete response, in ms; less than the interval, so that rounds never overlap. @default 80 % of it */
  readonly timeoutMs?: number;
}

/**
 * Metrics source that scrapes all replicas once a second, or less often in a load of hours, concurrently and directly instead of over links, so that a broken link
 * does not hide the metrics of the service behind it; from inside of the stack's networks where the harness does not reach replicas.
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
  return scraping(({ replicas }) => replicas.flatMap(endpointsOf), options);
}

/** Metrics source that scrapes the endpoints of a target, as {@link scrapeReplicas} does those of a stack. */
export function scrapeEndpoints(endpoints: readonly MetricsEndpoint[], options: ScraperOptions = {}): MetricsSource {
  return scraping(() => endpoints, options);
}

interface Scraped extends MetricsEndpoint {
  readonly replica?: Replica;
}

function endpointsOf(replica: Replica): Scraped[] {
  const { name, url, state, metricsPath } = replica;
  const runs = state === 'ready' || state === 'starting';
  if (metricsPath === undefined || !runs || !url.startsWith('http:')) return [];
  return [{ name, url: url + metricsPath + queryOf(OWN_SERIES), replica }];
}

function scraping(endpointsOf: (stack: RunningStack) => readonly Scraped[], options: ScraperOptions): MetricsSource {
  return {
    start(job) {
      const { everyMs } = job;
      const { timeoutMs = 0.8 * everyMs } = options;
      const stopping = new AbortController();
      const machine = { clock: job.clock, network: job.stack.network };
      const agents = new Map<string, Promise<Agent>>();
      const { reachesReplicas = true } = job.stack;
      const agentOf = (endpoint: MetricsEndpoint) => {
        const agent = agents.get(endpoint.url) ?? endpointAgent(endpoint, machine, 10 * everyMs);
        agents.set(endpoint.url, agent);
        return agent;
      };
      const read = async (endpoint: Scraped) => {
        const { url, replica } = endpoint;
        const client = replica && !reachesReplicas ? undefined : await agentOf(endpoint);
        const signal = AbortSignal.any([stopping.signal, job.clock.timeout(timeoutMs)]);
        if (client) return readEndpoint(endpoint, client, signal);
        return readInside(job.stack, replica!, url.slice(replica!.url.length), signal);
      };
      const scrapeOne = async (endpoint: Scraped): Promise<[string, Readings][]> => {
        const { name } = endpoint;
        const readings = await read(endpoint).catch(() => ({}));
        return Object.keys(readings).length === 0 ? [] : [[name, readings]];
      };
      const scrapeAll = async () =>
        Object.fromEntries((await Promise.all(endpointsOf(job.stack).map(scrapeOne))).flat());
      // Rejects when stopped or when recording fails, neither of which is reported here.
      const rounds = sampleRounds(job, everyMs, scrapeAll, stopping.signal).catch(() => {});
      return {
        async [Symbol.asyncDispose]() {
          stopping.abort();
          await rounds;
          await Promise.all([...agents.values()].map(async agent => (await agent).destroy()));
        },
      };
    },
  };
}

async function sampleRounds(
  job: SamplingJob,
  everyMs: number,
  scrapeAll: () => Promise<Record<string, Readings>>,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await job.clock.sleep(untilNextRoundMs(job, everyMs), signal);
    const takenAtMs = job.clock.nowMs();
    const readings = await scrapeAll();
    signal.throwIfAborted();
    job.record(takenAtMs, readings);
  }
}

/** Time until the next round. Rounds are half-way between multiples of `everyMs` from the start. */
function untilNextRoundMs({ startAtMs, clock }: SamplingJob, everyMs: number): number {
  const sinceMs = clock.nowMs() - startAtMs - everyMs / 2;
  return (Math.floor(sinceMs / everyMs + 5e-3) + 1) * everyMs - sinceMs;
}
