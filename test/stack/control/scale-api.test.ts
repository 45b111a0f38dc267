import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ControlProcess, send, startControl } from './fixtures/control-process.ts';

const PATH = '/apis/apps/v1/namespaces/default/deployments/inference';
const MERGE = 'application/merge-patch+json';
const JSON_PATCH = 'application/json-patch+json';
let control: ControlProcess;
const call = (method: string, body?: unknown, type?: string, path = `${PATH}/scale`) =>
  send(control.url + path, method, body, type);

beforeAll(async () => {
  control = await startControl({ deployments: [{ name: 'inference', replicas: 3, min: 1, max: 20 }] });
});
afterAll(() => control.kill());

test('a scale is returned in Kubernetes’ format', async () => {
  const { status, json } = await call('GET');
  expect(status).toBe(200);
  expect(json).toMatchObject({
    ...{ kind: 'Scale', apiVersion: 'autoscaling/v1', spec: { replicas: 3 } },
    metadata: { name: 'inference', namespace: 'default', resourceVersion: expect.stringMatching(/^\d+$/) },
    status: { replicas: 0, selector: 'app=inference' },
  });
});

test('one of two autoscalers with the same version gets a conflict', async () => {
  const { json: read } = await call('GET');
  const put = (replicas: number) => call('PUT', { ...read, spec: { replicas } });
  const responses = await Promise.all([put(4), put(5)]);
  expect(responses.map(({ status }) => status).sort()).toEqual([200, 409]);
  const conflict = responses.find(({ status }) => status === 409)!.json;
  expect(conflict).toMatchObject({ kind: 'Status', reason: 'Conflict', code: 409 });
  const { json: after } = await call('GET');
  expect(after.metadata.resourceVersion).not.toBe(read.metadata.resourceVersion);
  expect([4, 5]).toContain(after.spec.replicas);
});

test('patches set the replicas, as kubectl scale does', async () => {
  expect((await call('PATCH', { spec: { replicas: 7 } }, MERGE)).json.spec.replicas).toBe(7);
  const operations = [
    { op: 'test', path: '/spec/replicas', value: 7 },
    { op: 'replace', path: '/spec/replicas', value: 8 },
  ];
  expect((await call('PATCH', operations, JSON_PATCH)).json.spec.replicas).toBe(8);
  const again = await call('PATCH', operations, JSON_PATCH);
  expect([again.status, again.json.reason], 'the test operation fails now').toEqual([422, 'Invalid']);
  const stale = { metadata: { resourceVersion: '1' }, spec: { replicas: 9 } };
  expect((await call('PATCH', stale, MERGE)).status).toBe(409);
  expect((await call('GET')).json.spec.replicas).toBe(8);
});

test.each([
  ['PUT', { spec: { replicas: 21 } }, undefined, 422, 'must be 1 to 20'],
  ['PUT', { spec: { replicas: 0 } }, undefined, 422, 'must be 1 to 20'],
  ['PUT', { spec: { replicas: 1.5 } }, undefined, 422, 'integer'],
  ['PUT', { metadata: { name: 'other' }, spec: { replicas: 3 } }, undefined, 400, 'does not match'],
  ['PUT', null, undefined, 400, 'expected a Scale as a JSON object, got null'],
  ['PUT', [], undefined, 400, 'expected a Scale as a JSON object, got a list'],
  ['PATCH', { spec: { replicas: 3 } }, 'application/json', 415, 'unknown format'],
])('%s %j as %s is rejected', async (method, body, type, status, message) => {
  const response = await call(method, body, type);
  expect([response.status, response.json.message]).toEqual([status, expect.stringContaining(message)]);
});

test('a status that says nothing is one without replicas', async () => {
  const { status, json } = await call('PUT', {}, undefined, `${PATH}/status`);
  expect([status, json.status]).toEqual([200, { replicas: 0, readyReplicas: 0 }]);
});

test('an unknown deployment is 404', async () => {
  const { status, json } = await call('GET', undefined, undefined, `${PATH.replace('inference', 'nothing')}/scale`);
  expect([status, json.reason]).toEqual([404, 'NotFound']);
});

test('whoever scales may say why, which a later change does not repeat', async () => {
  const reason = async () => (await call('GET')).json.metadata.annotations?.['squall/reason'];
  const { json: read } = await call('GET');
  const metadata = { ...read.metadata, annotations: { 'squall/reason': '8 -> 9: queue 12 / 5' } };
  expect((await call('PUT', { ...read, metadata, spec: { replicas: 9 } })).status).toBe(200);
  expect(await reason()).toBe('8 -> 9: queue 12 / 5');
  await call('PATCH', { spec: { replicas: 9 } }, MERGE);
  expect(await reason()).toBe('8 -> 9: queue 12 / 5');
  await call('PATCH', { spec: { replicas: 7 } }, MERGE);
  expect(await reason()).toBeUndefined();
});

test('pods are those that were last reported, with the times of their states', async () => {
  const pods = '/api/v1/namespaces/default/pods';
  const [started, ready] = ['2026-01-01T00:00:00.000Z', '2026-01-01T00:02:00.000Z'];
  const reported = [
    { name: 'inference-1', phase: 'Running', startTime: started, ready: true, readySince: ready },
    {
      name: 'inference-2',
      phase: 'Running',
      startTime: started,
      ready: false,
      readySince: started,
      deletionTimestamp: ready,
    },
    { name: 'inference-3', phase: 'Pending', message: 'gpu-3 boots in 90 s' },
    { name: 'inference-4', phase: 'Pending', message: 'starts in 2 s', nodeName: 'gpu-2' },
  ];
  const report = (list: unknown) => call('PATCH', { status: { replicas: 2, pods: list } }, MERGE, `${PATH}/status`);
  expect((await report(reported)).status).toBe(200);
  const { json } = await call('GET', undefined, undefined, `${pods}?labelSelector=app%3Dinference`);
  expect(json).toMatchObject({ kind: 'PodList', apiVersion: 'v1' });
  expect(
    json.items.map(({ metadata, status }: { metadata: object; status: object }) => ({ ...metadata, ...status })),
  ).toMatchObject([
    {
      name: 'inference-1',
      phase: 'Running',
      startTime: started,
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: ready }],
    },
    { name: 'inference-2', deletionTimestamp: ready, conditions: [{ status: 'False', lastTransitionTime: started }] },
    {
      name: 'inference-3',
      conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: 'gpu-3 boots in 90 s' }],
    },
    { name: 'inference-4', conditions: [{ type: 'PodScheduled', status: 'True', message: 'starts in 2 s' }] },
  ]);
  // A report without pods leaves them.
  await call('PATCH', { status: { replicas: 3 } }, MERGE, `${PATH}/status`);
  expect((await call('GET', undefined, undefined, pods)).json.items).toHaveLength(4);
  expect((await call('GET', undefined, undefined, `${pods}?labelSelector=app%3Dother`)).json.items).toEqual([]);
  expect((await report([{ name: 'inference-1', phase: 'Odd' }])).status).toBe(422);
});

describe('the platform', () => {
  test('watches the desired replicas and reports the observed ones', async () => {
    const disconnect = new AbortController();
    const response = await fetch(`${control.url}${PATH}/scale?watch=1`, { signal: disconnect.signal });
    const lines = readLines(response);
    const first = await lines.next();
    expect(first.value).toMatchObject({ type: 'ADDED', object: { kind: 'Scale' } });
    await call('PATCH', { spec: { replicas: 10 } }, MERGE);
    expect((await lines.next()).value).toMatchObject({ type: 'MODIFIED', object: { spec: { replicas: 10 } } });
    const status = { status: { replicas: 9, readyReplicas: 6 } };
    expect((await call('PATCH', status, MERGE, `${PATH}/status`)).status).toBe(200);
    const modified = (await lines.next()).value;
    expect(modified).toMatchObject({ type: 'MODIFIED', object: { spec: { replicas: 10 }, status: { replicas: 9 } } });
    disconnect.abort();
    const metrics = (await call('GET', undefined, undefined, '/metrics')).text;
    expect(metrics).toContain('control_deployment_replicas{deployment="inference",kind="ready"} 6');
  });

  test('resumes a watch from a known version, for a bounded time', async () => {
    const { resourceVersion } = (await call('GET')).json.metadata;
    const startMs = performance.now();
    const url = `${control.url}${PATH}/scale?watch=true&timeoutSeconds=0.3&resourceVersion=${resourceVersion}`;
    expect(await (await fetch(url)).text()).toBe('');
    expect(performance.now() - startMs).toBeGreaterThan(290);
    expect(performance.now() - startMs).toBeLessThan(3000);
  });
});

async function* readLines(response: Response) {
  let text = '';
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      yield JSON.parse(text.slice(0, end));
      text = text.slice(end + 1);
    }
  }
}
