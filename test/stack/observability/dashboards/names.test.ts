import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DASHBOARDS } from '../../../../.ci/dashboards/all.ts';
import { dashboardJson } from '../../../../.ci/dashboards/grafana.ts';
import { prometheusOptionsSchema } from '../../../../stack/observability/options.ts';
import { alertRules, recordingRules, ruleTimes } from '../../../../stack/observability/rules.ts';
import { type Exported, exportedMetrics } from './everything.ts';
import { family, mistakes, used } from './promql.ts';
import { resultsAt } from './results.ts';

const ROOT = join(import.meta.dirname, '../../../..');
const DOCS = readdirSync(join(ROOT, 'docs'))
  .filter(name => name.endsWith('.md'))
  .map(name => readFileSync(join(ROOT, 'docs', name), 'utf8'))
  .join('\n');
const OPTIONS = prometheusOptionsSchema.parse({});
const TIMES = ruleTimes(OPTIONS, 1);
const RECORDING = recordingRules(TIMES).rules;
const ALERTS = alertRules(OPTIONS, TIMES).rules;
/** Those of rules, and those that Prometheus has of its own; memory is that of a process, which virtual time has not. */
const OTHERS = [...RECORDING.map(({ record }) => record), 'up', 'ALERTS', 'process_resident_memory_bytes'];
const PANELS = DASHBOARDS.flatMap(({ name, rows }) =>
  rows.flatMap(([, ...panels]) =>
    panels.flatMap(([title, , ...queries]) => queries.map(([legend, expr]) => ({ name, title, legend, expr }))),
  ),
);

const folder = mkdtempSync(join(tmpdir(), 'squall-dashboards-'));
let exported: ReadonlyMap<string, Exported>;
beforeAll(async () => {
  exported = new Map([...(await exportedMetrics(folder)), ...resultMetrics()]);
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true }));

/** Those of results of runs and suites, with the labels that their points have. */
function resultMetrics(): [string, Exported][] {
  const families = Map.groupBy(
    resultsAt('2030-01-01T00:00:00.000Z').flatMap(result => result.families),
    ({ name }) => name,
  );
  return [...families].map(([name, parts]) => {
    const labels = parts.flatMap(({ points }) => points.flatMap(point => Object.keys(point.labels)));
    return [name, { kind: 'Gauge', labels: [...new Set(labels)] }];
  });
}

const metricsOf = (exprs: readonly { readonly expr: string }[]) =>
  new Set(exprs.flatMap(({ expr }) => used(expr).metrics.map(name => family(name, exported))));

it('dashboards, recording rules and alerts use metrics and labels that services export', () => {
  expect(exported.size).toBeGreaterThan(130);
  const wrong = [...PANELS, ...RECORDING, ...ALERTS].flatMap(({ expr }) =>
    mistakes(expr, exported, OTHERS).map(mistake => `${expr}: ${mistake}`),
  );
  expect(wrong).toEqual([]);
});

it.each([
  ['sum by (status) (rate(gateway_request_total[1m]))', 'no service has gateway_request_total'],
  ['sum by (code) (rate(gateway_requests_total[1m]))', 'has no label code'],
  ['rate(gateway_requests_total{code="200"}[1m])', 'has no label code'],
  ['sum by (le) (gateway_requests_in_flight)', 'has no label le'],
  ['rate(gateway_requests_in_flight{replica="a"}[1m])', 'which is a gauge'],
  ['sum(gateway_requests_total)', 'which is a counter'],
  ['job:gateway_requests:rates', 'no service has job:gateway_requests:rates'],
  ['a_total / b_total', 'no service has b_total'],
])('finds the mistake in %s', (expr, mistake) => {
  expect(mistakes(expr, exported, OTHERS).join('\n')).toContain(mistake);
});

it('legends name labels that their query keeps', () => {
  const wrong = PANELS.filter(({ name }) => name !== 'overview').flatMap(({ title, legend, expr }) =>
    [...legend.matchAll(/{{(\w+)}}/g)].filter(([, label]) => !used(expr).labels.includes(label!)).map(() => title),
  );
  expect(wrong).toEqual([]);
});

it('every metric of the stack and of results is in the documents and in a dashboard, and every recorded series and alert', () => {
  const shown = metricsOf(PANELS);
  const names = [...exported.keys(), ...RECORDING.map(({ record }) => record)];
  expect(names.filter(name => !shown.has(name))).toEqual([]);
  const isDocumented = (name: string) => new RegExp(`${name}(?![\\w:])`).test(DOCS);
  expect([...names, ...ALERTS.map(({ alert }) => alert)].filter(name => !isDocumented(name))).toEqual([]);
});

it('the documents name no metric that no service exports', () => {
  const named = DOCS.match(
    /\b(?:gateway|autoscaler|control|preprocess)_[a-z_]+_(?:total|seconds|bytes|state|ratio)\b/g,
  )!;
  expect(named.filter(name => !exported.has(name))).toEqual([]);
});

it.each(DASHBOARDS.map(one => [one.name, one] as const))(
  'docs/dashboards/%s.json is what `npm run dashboards` writes',
  (_, dashboard) => {
    const text = readFileSync(join(ROOT, 'docs/dashboards', `${dashboard.name}.json`), 'utf8');
    expect(text, 'run `npm run dashboards`').toBe(dashboardJson(dashboard));
    const { panels, uid } = JSON.parse(text) as { panels: { id: number; gridPos: object }[]; uid: string };
    expect(uid.length).toBeLessThanOrEqual(40);
    expect(new Set(panels.map(({ gridPos }) => JSON.stringify(gridPos))).size).toBe(panels.length);
  },
);
