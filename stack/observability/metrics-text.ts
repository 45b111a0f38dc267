import type { Registry } from 'prom-client';

/**
 * Registries in Prometheus' text format: all of their metrics, or, with parameters `name[]` in a query, as clients of Prometheus in other
 * languages know them, those of the names given. A histogram goes by its own name or by that of any of its series.
 * @param query of the request, with or without `?`; empty for all
 */
export async function metricsText(registries: readonly Registry[], query = ''): Promise<string> {
  if (!query.includes('name%5B%5D=') && !query.includes('name[]='))
    return (await Promise.all(registries.map(registry => registry.metrics()))).join('\n');
  const names = new Set(
    new URLSearchParams(query).getAll('name[]').flatMap(name => [name, name.replace(/_(?:bucket|sum|count)$/, '')]),
  );
  const texts = registries.flatMap(registry => {
    const wanted = registry.getMetricsAsArray().filter(({ name }) => names.has(name));
    return wanted.map(({ name }) => registry.getSingleMetricAsString(name));
  });
  return `${(await Promise.all(texts)).join('\n\n')}\n`;
}

/** Query that asks for the metrics of these names alone. */
export function queryOf(names: readonly string[]): string {
  return `?${names.map(name => `name[]=${encodeURIComponent(name)}`).join('&')}`;
}
