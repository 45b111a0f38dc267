import { Gauge, type Registry } from 'prom-client';
import type { Random } from '../../../harness/random.ts';
import { parseExposition } from '../../observability/exposition.ts';
import { isKept, readingsOf } from '../../observability/series.ts';
import { type ShortGetContext, shortGet } from '../upstream/short-get.ts';
import type { Transport } from '../upstream/transport.ts';
import type { Candidate } from './balancer.ts';
import type { BalancerConfig } from './config.ts';
import { reportOf } from './load-report.ts';

/** Settings of policies that look at the replicas' own metrics. */
type ReportOptions = Extract<BalancerConfig, { readonly pollMs: number }>;

/** Metrics of an engine are some 50 KB. */
const MAX_BYTES = 4 << 20;

interface ReportPollerContext extends ShortGetContext {
  readonly options: ReportOptions;
  readonly random: Random;
  /** Upstreams at this moment. */
  readonly upstreams: () => readonly (Candidate & { readonly transport: Transport })[];
}

/** The part of the settings that says how reports are read; undefined for policies that need none. */
export function reportOptions(config: BalancerConfig): ReportOptions | undefined {
  return typeof config === 'object' && 'pollMs' in config ? config : undefined;
}

/**
 * Reads the load of every upstream from its metrics, those of vLLM, SGLang, llama.cpp or TGI (see `series.ts`), every `pollMs` ± 10 % until
 * `signal` aborts. One that does not respond within that time keeps its last report, which grows old. Never throws.
 */
export async function pollReports(context: ReportPollerContext, signal: AbortSignal): Promise<void> {
  const { options, clock, random, upstreams } = context;
  while (!signal.aborted) {
    await Promise.all(upstreams().map(upstream => readReport(upstream, context)));
    await clock.sleep(options.pollMs * (0.9 + 0.2 * random.next()), signal).catch(() => {});
  }
}

async function readReport(
  upstream: Candidate & { readonly transport: Transport },
  context: ReportPollerContext,
): Promise<void> {
  const { path, pollMs } = context.options;
  const { inFlight } = upstream;
  const atMs = context.clock.nowMs();
  const response = await shortGet(upstream.transport, { path, timeoutMs: pollMs, maxBytes: MAX_BYTES }, context);
  if (response?.status !== 200) return;
  const readings = readingsOf(parseExposition(response.body.toString('utf8'), isKept));
  upstream.report = reportOf(readings, atMs, inFlight) ?? upstream.report;
}

/** Registers how old the reports are at a scrape. */
export function observeReports(
  registry: Registry,
  { upstreams, clock }: Pick<ReportPollerContext, 'upstreams' | 'clock'>,
): void {
  new Gauge({
    name: 'gateway_upstream_report_age_seconds',
    help: 'Age of the latest report of load by upstream; nothing for one that has made none',
    labelNames: ['upstream'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { name, report } of upstreams())
        if (report) this.set({ upstream: name }, (clock.nowMs() - report.atMs) / 1000);
    },
  });
}
