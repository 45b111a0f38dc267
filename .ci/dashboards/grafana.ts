/** Dashboards of Grafana from short descriptions: panels of PromQL in rows, three beside each other. */

/** Legend, in which `{{label}}` stands for the value of a label, and PromQL. */
export type Query = readonly [legend: string, expr: string];

/** Units as Grafana calls them. */
type Unit =
  | 'reqps'
  | 'cps'
  | 's'
  | 'short'
  | 'percentunit'
  | 'percent'
  | 'bytes'
  | 'mbytes'
  | 'celsius'
  | 'watt'
  | 'hertz';

/** A chart over time. */
export type Panel = readonly [title: string, unit: Unit, ...queries: Query[]];

/** Panels under a heading. */
export type Row = readonly [title: string, ...panels: Panel[]];

/** A dashboard. */
export interface Dashboard {
  /** End of its id and of its title. */
  readonly name: string;
  readonly description: string;
  /** Label of a metric by whose values one can choose; absent where there is nothing to choose. */
  readonly choice?: { readonly label: 'replica' | 'scenario'; readonly of: string };
  /** Whether it shows a value a night, and no stream of them. @default false */
  readonly isSparse?: boolean;
  readonly rows: readonly Row[];
}

const SOURCE = { type: 'prometheus', uid: '$datasource' };
const WIDTH = 8;
const HEIGHT = 8;

/** Series of a metric, of the chosen replicas. @param where further matchers, such as `stream="true"` */
export function chosen(metric: string, where = ''): string {
  return `${metric}{replica=~"$replica"${where && `, ${where}`}}`;
}

/** Increase of a counter a second, over all replicas. */
export function perSecond(metric: string, where = ''): string {
  return `sum(rate(${chosen(metric, where)}[$__rate_interval]))`;
}

/** {@link perSecond} with a legend. */
export function rate(legend: string, metric: string, where = ''): Query {
  return [legend, perSecond(metric, where)];
}

/** Increase of a counter a second, by labels. */
export function rateBy(metric: string, ...labels: readonly string[]): Query {
  return by(labels, `rate(${chosen(metric)}[$__rate_interval])`);
}

/** Sum of a gauge over all replicas. */
export function sum(legend: string, metric: string, where = ''): Query {
  return [legend, `sum(${chosen(metric, where)})`];
}

/** Sum of a gauge by labels. */
export function sumBy(metric: string, ...labels: readonly string[]): Query {
  return by(labels, chosen(metric));
}

/** The smallest value of a gauge over all replicas, for those that are 1 while something is well. */
export function least(legend: string, metric: string): Query {
  return [legend, `min(${chosen(metric)})`];
}

/** The largest value of a gauge over all replicas. */
export function greatest(legend: string, metric: string): Query {
  return [legend, `max(${chosen(metric)})`];
}

/** P99 of a histogram, by labels. */
export function p99By(histogram: string, ...labels: readonly string[]): Query {
  return [legendOf(labels), quantile(0.99, histogram, labels)];
}

/** P99 of a histogram over all replicas. */
export function p99(legend: string, histogram: string): Query {
  return [legend, quantile(0.99, histogram)];
}

/** P50, P95 and P99 of a histogram over all replicas. */
export function quantiles(histogram: string, where = ''): Query[] {
  return [50, 95, 99].map(percent => [`P${percent}`, quantile(percent / 100, histogram, [], where)]);
}

/** The same query, whose legend begins with a word. */
export function named(word: string, [legend, expr]: Query): Query {
  return [`${word} ${legend}`, expr];
}

function quantile(at: number, histogram: string, labels: readonly string[] = [], where = ''): string {
  const rates = `rate(${chosen(`${histogram}_bucket`, where)}[$__rate_interval])`;
  return `histogram_quantile(${at}, sum by (${[...labels, 'le'].join(', ')}) (${rates}))`;
}

function by(labels: readonly string[], expr: string): Query {
  return [legendOf(labels), `sum by (${labels.join(', ')}) (${expr})`];
}

function legendOf(labels: readonly string[]): string {
  return labels.map(label => `{{${label}}}`).join(' ');
}

/** A dashboard as Grafana imports it, one panel a line. */
export function dashboardJson({ name, description, choice, isSparse = false, rows }: Dashboard): string {
  const panels = rows.reduce<{ y: number; found: object[] }>(
    ({ y, found }, [title, ...own]) => {
      const row = { type: 'row', title, collapsed: false, panels: [], gridPos: { x: 0, y, w: 3 * WIDTH, h: 1 } };
      const charts = own.map((panel, index) =>
        chart(panel, isSparse, (index % 3) * WIDTH, y + 1 + Math.floor(index / 3) * HEIGHT),
      );
      return { y: y + 1 + Math.ceil(own.length / 3) * HEIGHT, found: [...found, row, ...charts] };
    },
    { y: 0, found: [] },
  ).found;
  const { panels: _, ...head } = {
    ...{ uid: `squall-${name}`, title: `Squall: ${name.replaceAll('-', ' ')}`, description, tags: ['squall'] },
    ...{ schemaVersion: 39, editable: true, graphTooltip: 1 },
    ...{ refresh: isSparse ? '' : '10s', time: { from: isSparse ? 'now-30d' : 'now-15m', to: 'now' } },
    annotations: { list: isSparse ? [] : [firing()] },
    templating: { list: [dataSource(), ...(choice ? [chooser(choice)] : [])] },
    panels,
  };
  const lines = panels.map((panel, index) => JSON.stringify({ id: index + 1, ...panel }));
  return `${JSON.stringify(head).slice(0, -1)},"panels":[\n${lines.join(',\n')}\n]}\n`;
}

function chart([title, unit, ...queries]: Panel, isSparse: boolean, x: number, y: number) {
  return {
    ...{ type: 'timeseries', title, datasource: SOURCE, gridPos: { x, y, w: WIDTH, h: HEIGHT } },
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        custom: isSparse ? { showPoints: 'always', spanNulls: true } : { fillOpacity: 10, showPoints: 'never' },
      },
      overrides: [],
    },
    options: {
      legend: { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
    targets: queries.map(([legendFormat, expr], index) => ({
      ...{ refId: String.fromCharCode(65 + index), datasource: SOURCE, expr, legendFormat, range: true },
    })),
  };
}

/** Alerts as marks in every chart. */
function firing() {
  return {
    ...{ name: 'Alerts', enable: true, iconColor: 'red', datasource: SOURCE },
    ...{ expr: 'ALERTS{alertstate="firing"}', titleFormat: '{{alertname}}', step: '10s' },
  };
}

function dataSource() {
  return { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus', hide: 0 };
}

function chooser({ label, of }: NonNullable<Dashboard['choice']>) {
  const query = `label_values(${of}, ${label})`;
  return {
    ...{ name: label, label: `${label[0]!.toUpperCase()}${label.slice(1)}s`, type: 'query', datasource: SOURCE },
    ...{ definition: query, query: { query, refId: label }, refresh: 2, sort: 3, hide: 0 },
    ...{ includeAll: true, allValue: '.*', multi: true, current: { text: ['All'], value: ['$__all'] } },
  };
}
