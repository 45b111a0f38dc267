import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AutoscalerConfigInput } from '../../../stack/autoscaler/config.ts';
import { until } from '../../until.ts';
import { type ControlProcess, send, startControl, TOKEN } from '../control/fixtures/control-process.ts';

const PROGRAM = fileURLToPath(new URL('../../../stack/autoscaler/main.ts', import.meta.url));
const DEPLOYMENT = '/apis/apps/v1/namespaces/default/deployments/inference';
const LIMIT_MS = 50_000;

const hpa = {
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: 'inference' },
  spec: {
    scaleTargetRef: { kind: 'Deployment', name: 'inference', apiVersion: 'apps/v1' },
    ...{ minReplicas: 2, maxReplicas: 10 },
    metrics: [
      { type: 'Pods', pods: { metric: { name: 'queue' }, target: { type: 'AverageValue', averageValue: '5' } } },
    ],
    behavior: {
      scaleUp: { policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] },
      scaleDown: { stabilizationWindowSeconds: 0 },
    },
  },
};

/** Replicas with a queue, of which the test decides. */
let queue: number | 'out of order' = 5;
const scraped = new Set<string>();
let control: ControlProcess;
let replica: Server;
let program: ChildProcess;
let url: string;
const log: { msg: string }[] = [];
let config: AutoscalerConfigInput;

const NAMES = ['inference-1', 'inference-2', 'inference-3'];
async function reportPods(): Promise<void> {
  const startTime = new Date(0).toISOString();
  const pods = NAMES.map(name => ({ name, phase: 'Running', startTime, ready: true, readySince: startTime }));
  const status = { status: { replicas: 3, readyReplicas: 3, pods } };
  const sent = await send(`${control.url}${DEPLOYMENT}/status`, 'PATCH', status, 'application/merge-patch+json');
  expect(sent.status).toBe(200);
}

const follow = ({ stdout }: ChildProcess) =>
  createInterface(stdout!).on('line', line => log.push(JSON.parse(line) as { msg: string }));

const start = (config: object, env: NodeJS.ProcessEnv = {}) =>
  spawn(process.execPath, [PROGRAM], {
    env: { LISTEN: '127.0.0.1:0', STACK_TOKEN: TOKEN, AUTOSCALER_CONFIG: JSON.stringify(config), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });

beforeAll(async () => {
  control = await startControl({ deployments: [{ name: 'inference', replicas: 3, min: 1, max: 10 }] });
  replica = createServer(({ url: target }, response) => {
    scraped.add(target!);
    response.writeHead(queue === 'out of order' ? 500 : 200).end(`queue ${queue}\n`);
  });
  replica.listen(0, '127.0.0.1');
  await once(replica, 'listening');
  await reportPods();
  const { port } = replica.address() as AddressInfo;
  // A sync of 15 s is one of 150 ms.
  config = {
    ...{ hpa, timeScale: 100, control: control.url },
    sources: NAMES.map(name => ({ name, service: 'inference', url: `http://127.0.0.1:${port}/metrics` })),
  };
  program = start(config);
  follow(program);
  await until(() => log.length > 0, LIMIT_MS);
  url = `http://127.0.0.1:${(log[0] as unknown as { port: number }).port}`;
}, 120_000);
afterAll(async () => {
  program.kill('SIGKILL');
  replica.close();
  await control.kill();
});

const scale = async () => (await send(`${control.url}${DEPLOYMENT}/scale`, 'GET')).json;
const replicas = async (): Promise<number> => (await scale()).spec.replicas;
const metrics = async () => (await fetch(`${url}/metrics`)).text();

test('on target nothing changes', async () => {
  await until(() => log.filter(({ msg }) => msg === '3: queue 5 / 5').length >= 3, LIMIT_MS);
  expect(await replicas()).toBe(3);
  // It asks for what it needs, of targets that can tell series apart: the gauge, or else the rate of a counter.
  expect([...scraped]).toEqual(['/metrics?name[]=queue&name[]=queue_seconds_total&name[]=queue_total']);
});

test('above target it scales as far as the policy lets it, and says why', async () => {
  queue = 12.3;
  await until(async () => (await replicas()) > 3, LIMIT_MS);
  const { spec, metadata } = await scale();
  expect(spec.replicas).toBe(6);
  expect(metadata.annotations['squall/reason']).toBe('3 -> 6: queue 12.3 / 5, limited by policy 100 %/15 s');
  await until(() => log.some(({ msg }) => msg === metadata.annotations['squall/reason']), LIMIT_MS);
  expect(await metrics()).toMatch(/autoscaler_rescales_total\{direction="up"\} [1-9]/);
});

test('metrics that fail never scale down, and it says so', async () => {
  queue = 'out of order';
  const before = log.length;
  const failed = 'queue unknown / 5, nothing follows from that';
  await until(() => log.slice(before).filter(({ msg }) => msg.endsWith(failed)).length >= 3, LIMIT_MS);
  const held = await replicas();
  expect(held).toBeGreaterThanOrEqual(6);
  const text = await metrics();
  expect(text).toContain('autoscaler_condition{type="ScalingActive",status="False",reason="FailedGetPodsMetric"} 1');
  expect(text).toMatch(/autoscaler_scrapes_total\{source="inference-1",result="failed"\} [1-9]/);
  // Once they are back, with nothing queued, it does scale down: the outage was what held it.
  queue = 0;
  await until(async () => (await replicas()) === 2, LIMIT_MS);
  expect((await scale()).metadata.annotations['squall/reason']).toContain('-> 2: queue 0 / 5');
});

test('without control it waits, and goes on when that is back', async () => {
  const { port } = control;
  await control.kill();
  await until(() => log.some(({ msg }) => msg === 'the scale cannot be read'), LIMIT_MS);
  control = await startControl({ deployments: [{ name: 'inference', replicas: 1, min: 1, max: 10 }] }, port);
  await until(async () => (await replicas()) === 2, LIMIT_MS);
  expect((await scale()).metadata.annotations['squall/reason']).toBe('1 -> 2: below minReplicas 2');
});

test('killed, it leaves the replicas as they are, and back it takes none away for want of history', async () => {
  await reportPods();
  queue = 12.3;
  await until(async () => (await replicas()) >= 4, LIMIT_MS);
  const exited = once(program, 'exit');
  program.kill('SIGKILL');
  expect((await exited)[1]).toBe('SIGKILL');
  const before = await replicas();
  queue = 0;
  // Eight of its periods.
  await sleep(1200);
  expect(await replicas()).toBe(before);
  // A window of 300 s is one of 3 s. It knows nothing of what was wanted before it was killed, only how many replicas there are.
  const { behavior: _, ...spec } = hpa.spec;
  program = start({ ...config, hpa: { ...hpa, spec } });
  const from = log.length;
  follow(program);
  await until(() => log.slice(from).some(({ msg }) => msg.includes('queue 0 / 5')), LIMIT_MS);
  const heldMs = await until(async () => (await replicas()) < before, LIMIT_MS);
  expect(heldMs).toBeGreaterThan(2500);
  expect(heldMs).toBeLessThan(6000);
});

test('terminated, it leaves the replicas as they are, and ends with 0', async () => {
  queue = 'out of order';
  await until(() => log.at(-1)?.msg.endsWith('nothing follows from that') ?? false, LIMIT_MS);
  const before = await replicas();
  const exited = once(program, 'exit');
  program.kill('SIGTERM');
  expect((await exited)[0]).toBe(0);
  expect(await replicas()).toBe(before);
});

test('a wrong file ends it at once, with a message that names the field', async () => {
  const child = start({ hpa: { ...hpa, spec: { ...hpa.spec, maxReplicas: 1 } }, control: control.url });
  let stderr = '';
  child.stderr!.on('data', chunk => {
    stderr += chunk;
  });
  const [code] = await once(child, 'exit');
  expect(code).toBe(1);
  expect(stderr).toMatch(/^autoscaler: The autoscaler cannot run:\n {2}- `spec.maxReplicas`/);
});
