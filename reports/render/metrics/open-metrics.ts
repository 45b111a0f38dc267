import type { Point, ResultMetrics } from './families.ts';

/**
 * `metrics.txt`: results in the text format of OpenMetrics 1.0 (https://prometheus.io/docs/specs/om/open_metrics_spec/), each sample with its
 * time, so that `promtool tsdb create-blocks-from openmetrics` can store them.
 */
export function renderOpenMetrics({ families, atMs }: ResultMetrics): string {
  const lines = families.flatMap(({ name, unit, help, points }) => [
    `# TYPE ${name} gauge`,
    ...(unit === undefined ? [] : [`# UNIT ${name} ${unit}`]),
    `# HELP ${name} ${escaped(help)}`,
    ...points.map(point => `${name}${labelsText(point)} ${valueText(point)} ${atMs / 1000}`),
  ]);
  return `${lines.join('\n')}\n# EOF\n`;
}

function labelsText({ labels }: Point): string {
  return `{${Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value.toWellFormed())}"`)
    .join(',')}}`;
}

function valueText({ value }: Point): string {
  return Number.isFinite(value) ? String(value) : '+Inf';
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
