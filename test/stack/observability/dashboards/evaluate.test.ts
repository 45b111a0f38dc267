import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DASHBOARDS } from '../../../../.ci/dashboards/all.ts';
import { connectToxiproxy } from '../../../../faults/toxiproxy/client.ts';
import { findToxiproxy } from '../../../../faults/toxiproxy/find.ts';
import { systemClock } from '../../../../harness/clock.ts';
import type { RunningStack } from '../../../../harness/contracts.ts';
import { findProgram } from '../../../../harness/host/programs.ts';
import { loginHeaders } from '../../../../harness/http/login.ts';
import { processPlatform } from '../../../../platform/process/platform.ts';
import { missing } from '../../../require.ts';
import { until } from '../../../until.ts';
import { noPrometheus, promtool, temporaryFolder, writeAll } from '../tools.ts';
import { everything, exportedMetrics } from './everything.ts';
import { used } from './promql.ts';

const skip = noPrometheus || missing('redis', findProgram('redis-server') !== undefined);
/** As Grafana would put them in. */
const filledIn = (expr: string) => expr.replaceAll('$__rate_interval', '5s').replaceAll('$replica', '.*');
const QUERIES = DASHBOARDS.flatMap(({ name, rows }) =>
  rows.flatMap(([, ...panels]) =>
    panels.flatMap(([title, , ...queries]) =>
      queries.map(([, expr]) => ({ place: `${name}: ${title}`, expr: filledIn(expr) })),
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

describe.skipIf(Boolean(skip))(`in front of the real stack with every part ${skip || ''}`, { timeout: 60_000 }, () => {
  const folder = temporaryFolder();
  let stack: RunningStack;
  let prometheus: string;
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
    prometheus = `http://${stack.links.find(({ name }) => name === 'operator→prometheus')!.listen}/api/v1`;
  }, 90_000);
  afterAll(async () => {
    await stack?.[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  }, 30_000);

  async function get<T>(path: string): Promise<T> {
    const response = await fetch(`${prometheus}/${path}`, { headers: loginHeaders(stack.prometheusLogin) });
    const { status, data, error } = (await response.json()) as { status: string; data: T; error?: string };
    if (status !== 'success') throw new Error(`${path}: ${error}`);
    return data;
  }
  const query = (expr: string) =>
    get<{ result: { value: [number, string] }[] }>(`query?query=${encodeURIComponent(expr)}`);

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
    await until(async () => (await query('vllm:generation_tokens_total > 0')).result.length > 0, 20_000);
    await sleep(4000);
    const results = await Promise.all(QUERIES.map(async one => ({ ...one, ...(await query(one.expr)) })));
    await requests;
    expect([...statuses]).toEqual([200]);
    const series = new Set(await get<string[]>('label/__name__/values'));
    // Nothing has failed yet: a chart may be empty whose metric has no series, and no other.
    const empty = results.filter(({ result }) => result.length === 0);
    const wrong = empty.filter(({ expr }) => used(expr).metrics.every(name => series.has(name)));
    expect(wrong.map(({ place }) => place)).toEqual([]);
    expect(empty.length).toBeLessThan(0.2 * results.length);
    const scraped = new Set(Object.keys(await get<object>('metadata?limit=10000')));
    const exported = await exportedMetrics(`${folder.path}/virtual`);
    expect([...exported.keys()].filter(name => !scraped.has(name))).toEqual([]);
  });
});
