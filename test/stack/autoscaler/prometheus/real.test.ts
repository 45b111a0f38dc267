import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { thisMachine } from '../../../../harness/host/network.ts';
import { Autoscaler } from '../../../../stack/autoscaler/autoscaler.ts';
import { parseAutoscalerConfig } from '../../../../stack/autoscaler/config.ts';
import { deciderOf } from '../../../../stack/autoscaler/decider-of.ts';
import { AutoscalerMetrics } from '../../../../stack/autoscaler/metrics.ts';
import { readerOf } from '../../../../stack/autoscaler/reader-of.ts';
import type { ScaleClient } from '../../../../stack/autoscaler/scale-client.ts';
import { prometheusOptionsSchema } from '../../../../stack/observability/options.ts';
import { renderPrometheus } from '../../../../stack/observability/prometheus.ts';
import { renderWebConfig } from '../../../../stack/observability/web-config.ts';
import { until } from '../../../until.ts';
import { noPrometheus, startPrometheus, temporaryFolder, writeAll } from '../../observability/tools.ts';

const SCRAPE_MS = 500;
const SYNC_MS = 500;
/** One scrape and one sync, as either source may be that much behind the other, and as much again of a busy machine. */
const APART_MS = 2 * (SCRAPE_MS + SYNC_MS);
const LOGIN = { username: 'squall', password: 'a-password-for-tests-only' };
const NAMES = ['inference-1', 'inference-2', 'gateway-1'];

/** Load of the replicas, of which the test decides; `q`: length of the queue of each. */
const load = { requestsPerSecond: 105, slowRatio: 0, q: 4, down: '' };
let [requests, slow, countedMs] = [0, 0, performance.now()];

function change(to: Partial<typeof load>): void {
  count();
  Object.assign(load, to);
}

function count(): void {
  const nowMs = performance.now();
  const added = (load.requestsPerSecond * (nowMs - countedMs)) / 1000;
  [requests, slow, countedMs] = [requests + added, slow + added * load.slowRatio, nowMs];
}

function exposed(): string {
  count();
  return [
    `queue ${load.q}`,
    `requests_total ${requests}`,
    `wait_seconds_bucket{le="0.1"} ${requests - slow}`,
    `wait_seconds_bucket{le="1"} ${requests}`,
    `wait_seconds_bucket{le="+Inf"} ${requests}`,
    '',
  ].join('\n');
}

const hpaOf = (metric: object) => ({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: 'x' },
  spec: {
    ...{
      scaleTargetRef: { kind: 'Deployment', name: 'inference' },
      minReplicas: 1,
      maxReplicas: 50,
      metrics: [metric],
    },
    behavior: {
      scaleUp: { policies: [{ type: 'Pods', value: 100, periodSeconds: 1 }] },
      scaleDown: { stabilizationWindowSeconds: 0 },
    },
  },
});
const external = (name: string, averageValue: string) =>
  hpaOf({ type: 'External', external: { metric: { name }, target: { type: 'AverageValue', averageValue } } });

/** Metrics by what they are: a gauge of each replica, a rate and a quantile of all. */
const CASES = {
  gauge: {
    hpa: hpaOf({
      type: 'Pods',
      pods: { metric: { name: 'queue' }, target: { type: 'AverageValue', averageValue: '2' } },
    }),
  },
  rate: {
    hpa: external('load', '37'),
    rules: { load: { series: 'requests_total', as: 'rate', windowMs: 2000 } },
  },
  quantile: {
    hpa: external('wait', '70m'),
    rules: { wait: { series: 'wait_seconds', as: 'quantile', quantile: 0.9, windowMs: 2000 } },
  },
} as const;
type Case = keyof typeof CASES;
const SOURCES = ['scrape', 'prometheus'] as const;

interface Decided {
  readonly atMs: number;
  readonly desired: number;
}

describe.skipIf(Boolean(noPrometheus))(`an autoscaler on a real Prometheus ${noPrometheus || ''}`, () => {
  const folder = temporaryFolder();
  const options = prometheusOptionsSchema.parse({ scrapeEveryMs: SCRAPE_MS });
  const decided = new Map<string, Decided[]>();
  const stop = new AbortController();
  const messages: string[] = [];
  const server = createServer(({ url }, response) => {
    const isDown = load.down !== '' && url?.startsWith(`/${load.down}/`);
    response.writeHead(isDown ? 500 : 200, { 'content-type': 'text/plain; version=0.0.4' }).end(exposed());
  });
  let prometheus: Awaited<ReturnType<typeof startPrometheus>>;

  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await sleep(10);
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const targets = NAMES.map(name => ({
      ...{ name, service: name.replace(/-\d$/, ''), address, metricsPath: `/${name}/metrics` },
    }));
    writeAll(folder.path, { ...renderPrometheus(options, targets), ...(await renderWebConfig(LOGIN)) });
    prometheus = await startPrometheus(options, folder.path, LOGIN);
    for (const [name, parts] of Object.entries(CASES))
      for (const metricsFrom of SOURCES) {
        const config = parseAutoscalerConfig(
          JSON.stringify({
            ...{
              control: 'http://127.0.0.1:1',
              ...parts,
              metricsFrom,
              tolerance: 0,
              syncPeriodMs: SYNC_MS,
              scrapeMs: SCRAPE_MS,
            },
            ...(metricsFrom === 'prometheus'
              ? { prometheus: { url: prometheus.url, login: LOGIN, scrapeEveryMs: SCRAPE_MS } }
              : {
                  sources: targets.map(({ metricsPath, ...target }) => ({
                    ...{ name: target.name, service: target.service, url: `http://${address}${metricsPath}` },
                  })),
                }),
          }),
        );
        const decider = await deciderOf(config);
        const metrics = new AutoscalerMetrics();
        const list: Decided[] = [];
        decided.set(`${name} ${metricsFrom}`, list);
        const log = (line: Readonly<Record<string, unknown>>, message: string) => {
          if (typeof line.desired === 'number') list.push({ atMs: performance.now(), desired: line.desired });
          messages.push(`${name} ${metricsFrom}: ${message} ${line.error ?? ''}`);
        };
        const reader = readerOf(config, decider, metrics, thisMachine, log as never);
        const parts_ = { config, decider, metrics, reader, machine: thisMachine, client: scaleOf(2), log };
        void new Autoscaler(parts_).run(stop.signal);
      }
    // A rate needs its whole window, and Prometheus 5 s to find what it scrapes.
    await settles({ gauge: [4, 4], rate: [9, 9], quantile: [2, 2] });
  }, 60_000);
  afterAll(async () => {
    stop.abort();
    server.close();
    server.closeAllConnections();
    await prometheus[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  const last = (name: Case, source: string) => decided.get(`${name} ${source}`)?.at(-1)?.desired;
  const settled = () =>
    Object.fromEntries(Object.keys(CASES).map(name => [name, SOURCES.map(source => last(name as Case, source))]));

  const settles = (wanted: object) =>
    until(() => isDeepStrictEqual({ ...settled(), ...wanted }, settled()), 15_000).catch(() =>
      expect(settled()).toMatchObject(wanted),
    );

  it('wants the same replicas as one that scrapes, at each level of the load, and on the way within a scrape interval', async () => {
    const sinceMs = performance.now();
    // 315 requests a second of two replicas and a gateway / 37 are 8.5, so that what a busy machine counts a little late is still 9; and P90 0.09 / 0.07.
    change({ q: 2 });
    await sleep(3500);
    expect(settled()).toMatchObject({ rate: [9, 9], quantile: [2, 2] });
    change({ requestsPerSecond: 216, slowRatio: 0.2 });
    await settles({ rate: [18, 18], quantile: [8, 8] });
    change({ requestsPerSecond: 31, slowRatio: 0 });
    await settles({ rate: [3, 3], quantile: [2, 2] });
    for (const name of ['rate', 'quantile']) {
      const [scraped, read] = SOURCES.map(source => decided.get(`${name} ${source}`)!);
      for (const { atMs, desired } of read!.filter(
        each => each.atMs > sinceMs + APART_MS && each.atMs < performance.now() - APART_MS,
      )) {
        const near = scraped!.filter(other => Math.abs(other.atMs - atMs) <= APART_MS).map(other => other.desired);
        expect(desired).toBeGreaterThanOrEqual(Math.min(...near));
        expect(desired).toBeLessThanOrEqual(Math.max(...near));
      }
    }
  }, 30_000);

  it('takes a replica that cannot be scraped for unknown at once, not for the last it said', async () => {
    change({ q: 2 });
    await sleep(APART_MS);
    change({ down: 'inference-2' });
    await sleep(APART_MS);
    // Of two replicas one has 20, and the other counts as 0 on the way up: 10 each / 2. With its last 2 it would be 11.
    change({ q: 20 });
    await settles({ gauge: [10, 10] });
    change({ down: '' });
  }, 20_000);

  it('keeps the replicas while Prometheus is away, and says why', async () => {
    change({ requestsPerSecond: 216, q: 2 });
    await settles({ rate: [18, 18] });
    const before = settled();
    await prometheus[Symbol.asyncDispose]();
    change({ requestsPerSecond: 0, q: 0 });
    // The load did fall: what scrapes has followed it.
    await until(() => last('rate', 'scrape') === 1, 15_000);
    for (const name of Object.keys(CASES)) expect(last(name as Case, 'prometheus')).toBe(before[name]![1]);
    expect(messages.join('\n')).toContain('rate prometheus: metrics cannot be read Expected a response');
  }, 20_000);
});

/** The scale of a workload whose replicas are ready at once, two of which report metrics. */
function scaleOf(first: number): ScaleClient {
  let replicas = first;
  const since = new Date(0).toISOString();
  return {
    read: async () => ({ replicas, existing: replicas, version: '1' }),
    pods: async () =>
      ['inference-1', 'inference-2'].map(name => ({
        metadata: { name },
        status: {
          phase: 'Running' as const,
          startTime: since,
          conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: since }],
        },
      })),
    scale: async to => {
      replicas = to;
    },
  };
}
