import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { badConfig } from '../../service-config.ts';
import type { ServiceContext } from '../../service-program.ts';
import { HEADERS_VARIABLE, type TracingConfig } from './config.ts';
import { parseHeaders, SpanQueue } from './span-queue.ts';
import { Tracing } from './tracing.ts';
import { TracingMetrics } from './tracing-metrics.ts';

/** Tracing and what it sends spans with, to be disposed of after the last request. */
export interface OpenedTracing {
  readonly tracing: Pick<Tracing, 'begin' | 'finish'>;
  readonly queue: AsyncDisposable;
}

/**
 * Prepares tracing.
 * @param name of the gateway
 * @returns makes it, with its metrics in a registry
 * @throws SquallError `BAD_OTEL_EXPORTER_OTLP_HEADERS`
 */
export function prepareTracing(
  config: TracingConfig,
  name: string,
  { clock, network, random, environment }: Pick<ServiceContext, 'clock' | 'network' | 'random' | 'environment'>,
  log: Logger,
): (registry: Registry) => OpenedTracing {
  const headers = headersOf(environment[HEADERS_VARIABLE]);
  return registry => {
    const metrics = new TracingMetrics(registry, { open: () => tracing.openSpans, queued: () => queue.size });
    const machine = { clock, network };
    const queue = new SpanQueue({ config, machine, headers, random: random.stream('spans sent'), metrics, log });
    const tracing = new Tracing({ config, name, clock, random: random.stream('spans'), metrics, queue });
    return { tracing, queue };
  };
}

function headersOf(text: string | undefined): Record<string, string> {
  try {
    return parseHeaders(text);
  } catch (cause) {
    throw badConfig(HEADERS_VARIABLE, `${HEADERS_VARIABLE}: ${(cause as Error).message}`, cause);
  }
}
