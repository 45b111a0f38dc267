import { statusOf } from '../http/access-log.ts';
import type { Exchange } from '../http/exchange.ts';
import type { TracingConfig } from './config.ts';

/** Why a request counts as failed: a response of 400 or more, one that was cut, or a client that has gone; undefined for one that did not fail. */
export function failureOf(exchange: Exchange): string | undefined {
  const status = statusOf(exchange);
  if (exchange.outcome === 'completed' && status < 400) return undefined;
  return exchange.reason ?? (status < 400 ? exchange.outcome : `${status}`);
}

/**
 * Whether a request that did not fail is kept: it was slow, or is in the ratio. That depends on its trace id alone, so that all gateways decide the same.
 * @param traceId 32 hex digits, of which the last 14 count, which are random by W3C Trace Context, level 2
 */
export function isSampled(
  traceId: string,
  durationMs: number,
  { slowMs, ratio }: Pick<TracingConfig, 'slowMs' | 'ratio'>,
): boolean {
  return durationMs >= slowMs || Number.parseInt(traceId.slice(-14), 16) < ratio * 2 ** 56;
}
