import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DASHBOARDS } from '../../../../.ci/dashboards/all.ts';
import { connectToxiproxy } from '../../../../faults/toxiproxy/client.ts';
import { findToxiproxy } from '../../../../faults/toxiproxy/find.ts';
import { systemClock } from '../../../../harness/clock.ts';
import type { RunningStack } from '../../../../harness/contracts.ts';
import { findProgram } from '../../../../harness/host/programs.ts';
import { type Login, loginHeaders } from '../../../../harness/http/login.ts';
import { processPlatform } from '../../../../platform/process/platform.ts';
import { renderOpenMetrics } from '../../../../reports/render/metrics/open-metrics.ts';
import { prometheusOptionsSchema } from '../../../../stack/observability/options.ts';
import { renderPrometheus } from '../../../../stack/observability/prometheus.ts';
import { renderWebConfig } from '../../../../stack/observability/web-config.ts';
import { missing } from '../../../require.ts';
import { until } from '../../../until.ts';
import { noPrometheus, promtool, startPrometheus, temporaryFolder, writeAll } from '../tools.ts';
import { everything, exportedMetrics } from './everything.ts';
import { used } from './promql.ts';
import { resultsAt } from './results.ts';

const skip = noPrometheus || missing('redis', findProgram('redis-server') !== undefined);
const OPTIONS = prometheusOptionsSchema.parse({});
/** As Grafana would put them in. */
const filledIn = (expr: string) =>
  expr
    .replaceAll('$__rate_interval', '5s')
    .replaceAll('$__interval', '1h')
    .replaceAll(/\$(?:replica|scenario)/g, '.*');
const QUERIES = DASHBOARDS.flatMap(({ name, rows }) =>
  rows.flatMap(([, ...panels]) =>
    panels.flatMap(([title, , ...queries]) =>
      queries.map(([, expr]) => ({ name, place: `${name}: ${title}`, expr: filledIn(expr) })),
    ),
  ),
);

it.skipIf(noPrometheus)(`are all PromQL, of which promtool rejects what is not ${noPrometheus || ''}`, async () => {
  using folder = temporaryFolder();
  const check = async (exprs: readonly string[]) => {
    const rules = exprs.map((expr, index) => ({ record: `a:${index}`, expr }));
    writeAll(folder.path, { 'rules.yml': JSON.stringify({ groups: [{ name: 'panels', rules }] }) });
    return await promtool('check', 'rules', `${folder.path}/rules.yml`);
  };
  const { code, output } = await check(QUERIES.map(({ expr }) => expr));
  expect(code, output).toBe(0);
  expect(output).toContain(`${QUERIES.length} rules found`);
  expect((await check(['sum by (a) (rate(b_total[5s])'])).code).not.toBe(0);
});

/** The API of a Prometheus. */
function apiOf(url: string, login: Login) {
  async function get<T>(path: string): Promise<T> {
    const response = await fetch(`${url}/api/v1/${path}`, { headers: loginHeaders(login) });
    const { status, data, error } = (await response.json()) as { status: string; data: T; error?: string };
    if (status !== 'success') throw new Error(`${path}: ${error}`);
    return data;
  }
  const query = async (expr: string) =>
    (await get<{ result: { value: [number, string] }[] }>(`query?query=${encodeURIComponent(expr)}`)).result;
  return { get, query };
}

/** Queries without a result, and whether there are series of all their metrics. */
async function emptyOf({ get, query }: ReturnType<typeof apiOf>, queries: typeof QUERIES) {
  const series = new Set(await get<string[]>('label/__name__/values'));
  const found = await Promise.all(queries.map(async one => ({ ...one, result: await query(one.expr) })));
  return found
    .filter(({ result }) => result.length === 0)
    .map(({ place, expr }) => ({ place, hasSeries: used(expr).metrics.every(name => series.has(name)) }));
}

it.skipIf(noPrometheus)('shows results of a run and of a suite that were kept in Prometheus', async () => {
  using folder = temporaryFolder();
  const login = { username: 'squall', password: 'results' };
  const files = { ...renderPrometheus(OPTIONS, []), ...(await renderWebConfig(login)) };
  writeAll(folder.path, files);
  for (const [index, result] of resultsAt(new Date(Date.now() - 600_000).toISOString()).entries()) {
    const file = join(folder.path, `${index}.txt`);
    writeFileSync(file, renderOpenMetrics(result));
    const { code, output } = await promtool('tsdb', 'create-blocks-from', 'openmetrics', file, `${folder.path}/data`);
    expect(code, output).toBe(0);
  }
  await using prometheus = await startPrometheus(OPTIONS, folder.path, login);
  const empty = await emptyOf(
    apiOf(prometheus.url, login),
    QUERIES.filter(({ name }) => name === 'runs'),
  );
  expect(empty).toEqual([]);
});

describe.skipIf(Boolean(skip))(`in front of the real stack with every part ${skip || ''}`, { timeout: 60_000 }, () => {
  const folder = temporaryFolder();
  let stack: RunningStack;
  let prometheus: ReturnType<typeof apiOf>;
  beforeAll(async () => {
    const compiled = await everything('process', `${folder.path}/audit`, {
      'stack.prometheus': { scrapeEvery: '500ms' },
      'stack.gateway.identity': { bearer: 'keys' },
    });
    const platform = processPlatform({ find: findToxiproxy, connect: connectToxiproxy });
    stack = await platform.up(compiled.topology, {
      ...{ runId: `dashboards-${process.pid}`, seed: 1, directory: folder.path, observer: { replica: () => {} } },
      ...{ signal: AbortSignal.timeout(60_000), clock: systemClock },
    });
    const { listen } = stack.links.find(({ name }) => name === 'operator→prometheus')!;
    prometheus = apiOf(`http://${listen}`, stack.prometheusLogin!);
  }, 90_000);
  afterAll(async () => {
    await stack?.[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  }, 30_000);

  async function chat(index: number): Promise<number> {
    const body = {
      model: 'qwen3-8b-fp8-h100',
      messages: [{ role: 'user', content: `Hello ${index % 5}` }],
      max_tokens: 4,
    };
    const response = await fetch(`${stack.entries[0]}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: stack.authorization },
      body: JSON.stringify({ ...body, stream: index % 2 === 0, temperature: 0 }),
    });
    await response.text();
    return response.status;
  }

  it('scrapes each metric that the dashboards are checked against, and shows most of them', async () => {
    const statuses = new Set<number>();
    const requests = (async () => {
      for (let index = 0; index < 60; index += 1) {
        statuses.add(await chat(index));
        await sleep(100);
      }
    })();
    await until(async () => (await prometheus.query('vllm:generation_tokens_total > 0')).length > 0, 20_000);
    await sleep(4000);
    const shown = QUERIES.filter(({ name }) => name !== 'runs');
    const empty = await emptyOf(prometheus, shown);
    await requests;
    expect([...statuses]).toEqual([200]);
    // Nothing has failed yet: a chart may be empty whose metric has no series, and no other.
    expect(empty.filter(({ hasSeries }) => hasSeries)).toEqual([]);
    expect(empty.length).toBeLessThan(0.2 * shown.length);
    const scraped = new Set(Object.keys(await prometheus.get<object>('metadata?limit=10000')));
    const exported = await exportedMetrics(`${folder.path}/virtual`);
    expect([...exported.keys()].filter(name => !scraped.has(name))).toEqual([]);
  });
});
