import type { ResultMetrics } from './families.ts';

/**
 * Body of a request to `/v1/metrics` of OTLP/HTTP with JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding): gauges, whose
 * names have dots and no unit, as OpenTelemetry has them; Prometheus gives them those of the OpenMetrics file again.
 */
export function otlpMetrics({ families, atMs, version }: ResultMetrics) {
  const timeUnixNano = `${Math.round(atMs)}000000`;
  const metrics = families.map(({ name, unit, help, points }) => ({
    name: name.replace(/_seconds$/, '').replaceAll('_', '.'),
    description: help,
    unit: unit === undefined ? '' : 's',
    gauge: {
      dataPoints: points.map(({ labels, value }) => ({
        attributes: attributesOf(labels),
        timeUnixNano,
        // JSON has no infinity: the mapping of Protocol Buffers writes it as a text.
        asDouble: Number.isFinite(value) ? value : 'Infinity',
      })),
    },
  }));
  const resource = { attributes: attributesOf({ 'service.name': 'squall', 'service.version': version }) };
  return { resourceMetrics: [{ resource, scopeMetrics: [{ scope: { name: 'squall', version }, metrics }] }] };
}

function attributesOf(labels: Readonly<Record<string, string>>) {
  return Object.entries(labels).map(([key, value]) => ({ key, value: { stringValue: value.toWellFormed() } }));
}
