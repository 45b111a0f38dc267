import type { Exported } from './everything.ts';

/** Labels that Prometheus adds to what it scrapes, and to what it alerts on. */
const ADDED = ['job', 'replica', 'instance', 'alertname', 'severity', 'alertstate'];
const WORDS = new Set(['by', 'or', 'and', 'unless', 'on', 'ignoring', 'bool', 'offset', 'group_left', 'without', 'le']);
const SELECTOR = /([A-Za-z_][\w:]*)\s*\{([^}]*)\}/g;

/** Names and labels that an expression of PromQL uses, as far as those of dashboards and rules go. */
export function used(expr: string): { readonly metrics: readonly string[]; readonly labels: readonly string[] } {
  const selectors = [...expr.matchAll(SELECTOR)];
  const matched = selectors.flatMap(([, , inside]) => [...inside!.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)]);
  const groups = [...expr.matchAll(/\b(?:by|on|without|group_left)\s*\(([^)]*)\)/g)];
  const rest = expr
    .replace(SELECTOR, ' ')
    .replaceAll(/\b(?:by|on|without|group_left)\s*\([^)]*\)|"[^"]*"|\[[^\]]*\]/g, ' ')
    .replaceAll(/\b\d[\d.e]*\b/g, ' ');
  const bare = [...rest.matchAll(/[A-Za-z_][\w:]*(?!\w*\s*\()/g)]
    .map(([name]) => name)
    .filter(name => !WORDS.has(name));
  return {
    metrics: [...new Set([...selectors.map(([, name]) => name!), ...bare])],
    labels: [
      ...new Set([
        ...matched.map(([, label]) => label!),
        ...groups.flatMap(([, list]) => list!.split(',').map(label => label.trim())),
      ]),
    ],
  };
}

/** Name of a metric without what histograms append to it. */
export function family(name: string, exported: ReadonlyMap<string, Exported>): string {
  const base = name.replace(/_(?:bucket|sum|count)$/, '');
  return exported.get(base)?.kind === 'Histogram' ? base : name;
}

/**
 * What is wrong with an expression: metrics that nothing exports, labels that none of its metrics has, a rate of what is no counter.
 * @param recorded names of recording rules, and those that Prometheus makes itself
 */
export function mistakes(expr: string, exported: ReadonlyMap<string, Exported>, recorded: readonly string[]): string[] {
  const { metrics, labels } = used(expr);
  const unknown = metrics.filter(name => !recorded.includes(name) && !exported.has(family(name, exported)));
  const known = metrics.flatMap(name => exported.get(family(name, exported)) ?? []);
  const has = (label: string) => known.some(metric => metric.labels.includes(label));
  const isBucket = metrics.some(name => name.endsWith('_bucket'));
  const wrongLabels =
    known.length === 0
      ? []
      : labels.filter(label => !ADDED.includes(label) && !has(label) && !(label === 'le' && isBucket));
  const rated = [...expr.matchAll(/\b(?:rate|increase)\(([\w:]+)/g)].map(([, name]) => name!);
  const gauges = rated.filter(name => exported.get(name)?.kind === 'Gauge');
  const levels = metrics.filter(name => exported.get(name)?.kind === 'Counter' && !rated.includes(name));
  return [
    ...unknown.map(name => `no service has ${name}`),
    ...wrongLabels.map(label => `${metrics} has no label ${label}`),
    ...gauges.map(name => `the rate of ${name}, which is a gauge`),
    ...levels.map(name => `the level of ${name}, which is a counter`),
  ];
}
