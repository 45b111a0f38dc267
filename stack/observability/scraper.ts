import { Agent } from 'undici';
import type { Clock } from '../../harness/clock.ts';
import type { MetricsSource, Replica, SamplingJob } from '../../harness/contracts.ts';
import { type Readings, SAMPLE_INTERVAL_MS } from '../../harness/metrics.ts';
import { readText } from './bounded-text.ts';
import { parseExposition } from './exposition.ts';
import { isKept, readingsOf } from './series.ts';

/** A longer answer is not read. */
const MOST_BYTES = 2 ** 20;

/** Settings of {@link scrapeReplicas}. */
export interface ScraperOptions {
  /** Between two rounds, in ms. @default 1000 */
  readonly everyMs?: number;
  /** Longest wait for an answer, to its last byte, in ms; less than `everyMs`, so that rounds never overlap. @default 800 */
  readonly limitMs?: number;
}

/**
 * Asks every replica for its metrics once a second, all at the same time, directly and around any link: a link that is
 * being broken must not make the service behind it look silent.
 *
 * ```
 * zero     0.5 s            1.5 s            2.5 s
 * ├─────────┼────────────────┼────────────────┼───   a round each, in the middle of the report's slots of a second
 *           ├ asked ┤ record                  ├ asked ┤…       a round that comes too late is left out
 * ```
 *
 * A replica that does not answer in time, or not with 200, is missing in the round; one that does not run is not asked.
 */
export function scrapeReplicas(options: ScraperOptions = {}): MetricsSource {
  const { everyMs = SAMPLE_INTERVAL_MS, limitMs = 0.8 * everyMs } = options;
  return {
    start(job) {
      const stopping = new AbortController();
      const agent = new Agent({ connections: 1, pipelining: 1, keepAliveTimeout: 10 * everyMs });
      const ask = (replica: Replica) => scrape(replica, { agent, limitMs, signal: stopping.signal });
      // It ends when it is stopped, or when a round cannot be recorded; neither is this source's to report.
      const rounds = sampleRounds(job, everyMs, ask, stopping.signal).catch(() => {});
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

type Ask = (replica: Replica) => Promise<Readings | null>;

async function sampleRounds(job: SamplingJob, everyMs: number, ask: Ask, signal: AbortSignal): Promise<void> {
  for (;;) {
    await job.clock.sleep(untilNextRoundMs(job, everyMs, job.clock), signal);
    const takenAtMs = job.clock.nowMs();
    const answers = await Promise.all(
      job.stack.replicas.map(async replica => [replica.name, await ask(replica)] as const),
    );
    signal.throwIfAborted();
    job.record(takenAtMs, Object.fromEntries(answers.filter(([, readings]) => readings !== null)) as never);
  }
}

/** Rounds lie half-way between multiples of `everyMs` from time zero. */
function untilNextRoundMs({ zeroMs }: SamplingJob, everyMs: number, clock: Clock): number {
  const sinceMs = clock.nowMs() - zeroMs - everyMs / 2;
  return (Math.floor(sinceMs / everyMs + 5e-3) + 1) * everyMs - sinceMs;
}

interface ScrapeContext extends Required<Pick<ScraperOptions, 'limitMs'>> {
  readonly agent: Agent;
  readonly signal: AbortSignal;
}

/** @returns null where there is nothing to read */
async function scrape(replica: Replica, context: ScrapeContext): Promise<Readings | null> {
  const { agent, limitMs, signal } = context;
  const { metricsPath: path } = replica;
  const runs = replica.state === 'ready' || replica.state === 'starting';
  if (path === undefined || !runs || !replica.url.startsWith('http:')) return null;
  try {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
    const answer = await agent.request({ origin: replica.url, path, method: 'GET', signal: limited });
    const text = await readText(answer.body, answer.statusCode === 200 ? MOST_BYTES : 0);
    if (text === null) return null;
    const readings = readingsOf(parseExposition(text, isKept));
    return Object.keys(readings).length === 0 ? null : readings;
  } catch {
    return null;
  }
}
