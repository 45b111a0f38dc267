import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../harness/clock.ts';
import { thisMachine } from '../../../harness/host/network.ts';
import { systemSecrets } from '../../../harness/host/secrets.ts';
import { loginHeaders } from '../../../harness/http/login.ts';
import type { Readings } from '../../../harness/metrics.ts';
import { prometheusOptionsSchema } from '../../../stack/observability/options.ts';
import { renderPrometheus } from '../../../stack/observability/prometheus.ts';
import { readSamples } from '../../../stack/observability/query-range.ts';
import { scrapeReplicas } from '../../../stack/observability/scraper.ts';
import { renderWebConfig } from '../../../stack/observability/web-config.ts';
import { newToken } from '../../../stack/token.ts';
import { until } from '../../until.ts';
import { chat, type GatewayProcess, startGateway } from '../gateway/fixtures/gateway-process.ts';
import { type Replica, startReplica } from '../inference/replica-process.ts';
import { replicaAt, stackOf } from './replicas.ts';
import { noPrometheus, startPrometheus, temporaryFolder, writeAll } from './tools.ts';

const NEVER = new AbortController().signal;
/** A minute is scaled to a second: an alert with a duration of a minute needs five evaluations of 200 ms. */
const TIME_SCALE = 60;
const options = prometheusOptionsSchema.parse({ scrapeEveryMs: 200 });
const login = { username: 'squall', password: newToken(systemSecrets) };
const hostOf = ({ url }: { url: string }) => url.slice('http://'.length);

describe.skipIf(Boolean(noPrometheus))(`the real Prometheus ${noPrometheus || ''}`, () => {
  let gateway: GatewayProcess;
  let busy: Replica;
  let calm: Replica;
  let prometheus: Awaited<ReturnType<typeof startPrometheus>>;
  const folder = temporaryFolder();
  const load = new AbortController();

  beforeAll(async () => {
    // One sequence at a time; all other requests wait.
    busy = await startReplica({ name: 'inference-1', model: 'tiny', maxBatch: 1, timeScale: 1000 });
    calm = await startReplica({ name: 'inference-2', model: 'calm', timeScale: 1000 });
    gateway = await startGateway({
      name: 'gateway-1',
      upstreams: [{ name: 'inference-1', url: busy.url }],
      retries: 'off',
      timeouts: { unstreamedFirstByteMs: 60_000, firstByteMs: 60_000 },
    });
    const targets = [
      { name: 'gateway-1', service: 'gateway', address: hostOf(gateway) },
      { name: 'inference-1', service: 'inference', address: hostOf(busy) },
      { name: 'inference-2', service: 'inference', address: hostOf(calm) },
    ];
    writeAll(folder.path, {
      ...renderPrometheus(options, targets, TIME_SCALE),
      ...(await renderWebConfig(login)),
    });
    prometheus = await startPrometheus(options, folder.path, login);
  }, 60_000);

  afterAll(async () => {
    load.abort();
    await prometheus?.[Symbol.asyncDispose]();
    await gateway?.[Symbol.asyncDispose]();
    await busy?.[Symbol.asyncDispose]();
    await calm?.[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  async function get<Data>(path: string): Promise<Data> {
    const response = await fetch(`${prometheus.url}/api/v1/${path}`, { headers: loginHeaders(login) });
    return ((await response.json()) as { data: Data }).data;
  }

  /** Labels and values of an instant query. */
  async function query(expression: string): Promise<{ metric: Record<string, string>; value: number }[]> {
    type Result = { result: { metric: Record<string, string>; value: [number, string] }[] };
    const { result } = await get<Result>(`query?query=${encodeURIComponent(expression)}`);
    return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  }

  type Alert = { labels: Record<string, string>; state: string };
  const alerts = async () => (await get<{ alerts: Alert[] }>('alerts')).alerts;
  const stateOf = async (name: string) =>
    (await alerts()).filter(({ labels }) => labels.alertname === name).map(({ state }) => state);

  /** Sends one request at a time until the load ends. */
  async function client(): Promise<void> {
    while (!load.signal.aborted)
      await chat(gateway, { stream: true, signal: load.signal })
        .then(response => response.text())
        .catch(() => {});
  }

  it('scrapes every target and evaluates the recording rules', async () => {
    await until(async () => (await query('up == 1')).length === 3, 10_000);
    const { activeTargets } = await get<{ activeTargets: { health: string; labels: Record<string, string> }[] }>(
      'targets',
    );
    expect(activeTargets.map(({ labels }) => `${labels.job}/${labels.replica}`).sort()).toEqual([
      'gateway/gateway-1',
      'inference/inference-1',
      'inference/inference-2',
    ]);
    const recorded = [
      'model:vllm_requests_waiting:sum',
      'job:gateway_requests:rate',
      'job:gateway_errors:ratio',
      'job:gateway_time_to_first_byte_seconds:p99',
      'model:vllm_time_to_first_token_seconds:p99',
      'gpu:memory_used:ratio',
    ];
    // A counter that starts with its first request has no increase before the second.
    const isMissing = async (name: string) => {
      await (await chat(gateway, { stream: true })).text();
      return (await query(`${name} >= 0`)).length === 0;
    };
    for (const name of recorded)
      await until(async () => !(await isMissing(name)), 10_000).catch(() => {
        throw new Error(`${name} was never recorded`);
      });
    expect((await query('gpu:memory_used:ratio')).every(({ value }) => value > 0 && value < 0.9)).toBe(true);
    const { groups } = await get<{ groups: { rules: { name: string; health: string }[] }[] }>('rules');
    const rules = groups.flatMap(group => group.rules);
    expect(rules).toHaveLength(17);
    expect(rules.filter(({ health }) => health === 'err')).toEqual([]);
    expect(await alerts()).toEqual([]);
  });

  it('lets no page of another site read its API', async () => {
    const { headers } = await fetch(`${prometheus.url}/api/v1/targets`, {
      headers: { ...loginHeaders(login), origin: 'http://evil.example' },
    });
    expect(headers.get('access-control-allow-origin')).toBeNull();
  });

  // Whatever it serves: its API, pages, probes, debug information, and its own metrics.
  it('serves nobody without the password, of which it has only a hash', async () => {
    const web = readFileSync(join(folder.path, 'web.yml'), 'utf8');
    expect(web).toMatch(/^basic_auth_users:\n {2}squall: \$2b\$04\$\S{53}\n$/);
    const status = async (path: string, headers = {}) => (await fetch(prometheus.url + path, { headers })).status;
    const others = [
      {},
      loginHeaders({ ...login, password: newToken(systemSecrets) }),
      loginHeaders({ ...login, username: 'admin' }),
    ];
    for (const path of ['/api/v1/query?query=up', '/graph', '/-/ready', '/metrics', '/federate', '/debug/pprof/']) {
      for (const headers of others) expect([path, await status(path, headers)]).toEqual([path, 401]);
      expect([path, await status(path, loginHeaders(login))]).toEqual([path, 200]);
    }
    const times = { startEpochMs: Date.now() - 2000, fromMs: 0, toMs: 1000, signal: NEVER };
    await expect(readSamples({ machine: thisMachine, url: prometheus.url, ...times })).rejects.toMatchObject({
      code: 'PROMETHEUS_RESPONSE',
    });
  });

  // 15 clients and one slot: 14 wait, more than 10 and fewer than 500. The calm engine has no queue and no alert.
  it('an alert is pending, fires and resolves with its cause, only for the affected engine', async () => {
    const clients = Array.from({ length: 15 }, client);
    await until(async () => (await stateOf('QueueLong')).includes('firing'), 15_000);
    const firing = (await alerts()).filter(({ labels }) => labels.alertname?.startsWith('Queue'));
    expect(firing.map(({ labels }) => [labels.alertname, labels.model_name, labels.severity])).toEqual([
      ['QueueLong', 'tiny', 'warning'],
    ]);
    load.abort();
    await Promise.all(clients);
    await until(async () => (await stateOf('QueueLong')).length === 0, 10_000);
    // Stored by Prometheus: pending for the second to which a minute is scaled.
    type Stored = { result: { metric: Record<string, string>; values: [number, string][] }[] };
    const { result } = await get<Stored>(`query?query=${encodeURIComponent('ALERTS{alertname="QueueLong"}[5m]')}`);
    const firstOf = (state: string) => result.find(({ metric }) => metric.alertstate === state)!.values[0]![0];
    expect(firstOf('firing') - firstOf('pending')).toBeGreaterThanOrEqual(0.999);
  });

  // Both scrape the same processes: values stored by Prometheus at an instant are at most one scrape old.
  it('yields the same samples as the scraper, on the timeline of the run', async () => {
    const startAtMs = systemClock.nowMs();
    const startEpochMs = Date.now();
    const rounds: { atMs: number; readings: Readonly<Record<string, Readings>> }[] = [];
    const replicas = [
      replicaAt('gateway-1', gateway.url),
      replicaAt('inference-1', busy.url),
      replicaAt('inference-2', calm.url),
    ];
    const record = (atMs: number, readings: Readonly<Record<string, Readings>>) => {
      rounds.push({ atMs: atMs - startAtMs, readings });
    };
    {
      const source = scrapeReplicas();
      await using _sampling = source.start({
        stack: stackOf(...replicas),
        clock: systemClock,
        startAtMs,
        everyMs: 250,
        record,
      });
      await systemClock.sleep(1800);
    }
    const step = { startEpochMs, fromMs: 125, toMs: 1625, stepMs: 250, signal: NEVER };
    const read = await readSamples({ machine: thisMachine, url: prometheus.url, login, ...step });
    expect(read.map(({ seenMs }) => seenMs)).toEqual([125, 375, 625, 875, 1125, 1375, 1625]);
    const keys = (readings: Readonly<Record<string, Readings>>) =>
      Object.entries(readings).map(([name, values]) => [name, Object.keys(values).sort()]);
    // A busy machine may lose a reading of a round, on either side: compare the last one that both have whole.
    const isWhole = (readings: Readonly<Record<string, Readings>>) => Object.keys(readings).length === replicas.length;
    const last = rounds.findLast(round => isWhole(round.readings))!.readings;
    const stored = read.findLast(round => isWhole(round.readings))!.readings;
    expect(keys(stored)).toEqual(keys(last).sort());
    // Idle, so that values are constant except for memory and sensors.
    for (const name of ['inference-1', 'inference-2']) {
      const { queue, running, preemptions, gpuUsedMiB, gpuFreeMiB } = last[name]!;
      expect(stored[name]).toMatchObject({ queue, running, preemptions, gpuUsedMiB, gpuFreeMiB });
      expect(stored[name]!.memoryMiB! / last[name]!.memoryMiB!).toBeCloseTo(1, 0);
    }
    // During the load: the queue that fired the alert.
    const before = await readSamples({
      machine: thisMachine,
      url: prometheus.url,
      login,
      ...step,
      fromMs: -15_000,
      toMs: 0,
    });
    expect(Math.max(...before.map(({ readings }) => readings['inference-1']?.queue ?? 0))).toBe(14);
    expect(Math.max(...before.map(({ readings }) => readings['inference-2']?.queue ?? 0))).toBe(0);
  });

  it('alerts on a dead target, whose samples are missing from then on', async () => {
    const startEpochMs = Date.now();
    await calm[Symbol.asyncDispose]();
    await until(async () => (await stateOf('TargetDown')).includes('firing'), 15_000);
    const down = (await alerts()).filter(({ labels }) => labels.alertname === 'TargetDown');
    expect(down.map(({ labels }) => labels.replica)).toEqual(['inference-2']);
    const nowMs = Date.now() - startEpochMs;
    const times = { startEpochMs, fromMs: nowMs - 500, toMs: nowMs, stepMs: 250, signal: NEVER };
    const rounds = await readSamples({ machine: thisMachine, url: prometheus.url, login, ...times });
    // Of those that respond, a round may miss one that a busy machine is too late for.
    const names = new Set(rounds.flatMap(({ readings }) => Object.keys(readings)));
    expect([...names].sort()).toEqual(['gateway-1', 'inference-1']);
  });
});
