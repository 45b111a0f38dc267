import { Counter, collectDefaultMetrics, Registry } from 'prom-client';
import type { Metrics } from './api.ts';
import type { OnTransferred } from './proxy.ts';

interface ProxyMetricsOptions {
  /** Bytes of every proxy, as by `-proxy-metrics`. */
  readonly ofProxies: boolean;
  /** Of this process, as by `-runtime-metrics`: `process_…` as Toxiproxy's, and Node's instead of Go's. */
  readonly ofRuntime: boolean;
}

/** Metrics of the embedded fault proxy, named as Toxiproxy's. As there, a connection counts when it is over. */
export function proxyMetrics({
  ofProxies,
  ofRuntime,
}: ProxyMetricsOptions): Metrics & { readonly onTransferred: OnTransferred } {
  const registry = new Registry();
  if (ofRuntime) collectDefaultMetrics({ register: registry });
  const registers = ofProxies ? [registry] : [];
  const labelNames = ['direction', 'proxy', 'listener', 'upstream'] as const;
  const counter = (name: string, help: string) =>
    new Counter({ name: `toxiproxy_proxy_${name}_bytes_total`, help, labelNames, registers });
  const received = counter('received', 'Bytes that a proxy took from the source of a direction');
  const sent = counter('sent', 'Bytes that a proxy passed on to the destination of a direction');
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    onTransferred: ({ name, listen, upstream }, bytes) => {
      for (const direction of ['upstream', 'downstream'] as const) {
        const labels = { direction, proxy: name, listener: listen, upstream };
        received.inc(labels, bytes[direction].received);
        sent.inc(labels, bytes[direction].sent);
      }
    },
  };
}
