import Consul from 'consul';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../until.ts';
import { type ControlProcess, startControl, TOKEN } from './fixtures/control-process.ts';

// An independent Consul client shows that the API is compatible.
const ANNOUNCED = { announced: ['10.0.0.1:8000', '127.0.0.1:1'] };
let control: ControlProcess;
let consul: Consul;
const names = async (passing: boolean) => {
  const entries = (await consul.health.service({ service: 'gpu', passing })) as { Service: { ID: string } }[];
  return entries.map(entry => entry.Service.ID);
};

beforeAll(async () => {
  control = await startControl(ANNOUNCED);
  consul = new Consul({ host: '127.0.0.1', port: control.port, defaults: { token: TOKEN } });
});
afterAll(() => control.kill());

test('the client registers, passes, fails and deregisters', async () => {
  const check = { name: 'c', timeout: '1s', ttl: '30s', deregistercriticalserviceafter: '2m' };
  await consul.agent.service.register({
    id: 'gpu-1',
    name: 'gpu',
    address: '10.0.0.1',
    port: 8000,
    tags: ['a'],
    check,
  });
  expect(Object.keys((await consul.agent.service.list()) as object)).toEqual(['gpu-1']);
  expect(await consul.catalog.service.list()).toEqual({ gpu: ['a'] });
  const [entry] = (await consul.catalog.service.nodes('gpu')) as Record<string, unknown>[];
  expect(entry).toMatchObject({ ServiceID: 'gpu-1', ServiceAddress: '10.0.0.1', ServicePort: 8000 });
  expect(await names(true)).toEqual([]);
  await consul.agent.check.pass({ id: 'service:gpu-1', note: 'ok' });
  expect(await names(true)).toEqual(['gpu-1']);
  await consul.agent.check.fail('service:gpu-1');
  expect(await names(true)).toEqual([]);
  expect(await names(false)).toEqual(['gpu-1']);
  await consul.agent.service.deregister('gpu-1');
  expect(await names(false)).toEqual([]);
  expect(await consul.status.leader()).toMatch(/:8300$/);
  await expect(consul.agent.check.pass('unknown')).rejects.toMatchObject({ statusCode: 404 });
  await expect(consul.agent.service.deregister('unknown')).rejects.toMatchObject({ statusCode: 404 });
});

test('the client’s watch reports instances as they are added, removed, and added again after a restart', async () => {
  const options = { service: 'seen', passing: true, wait: '5s' } as unknown as Record<string, string>;
  const watch = consul.watch({ method: consul.health.service, options, backoffFactor: 20 });
  let latest: string[] | undefined;
  let changes = 0;
  watch.on('change', (entries: { Service: { ID: string } }[]) => {
    latest = entries.map(entry => entry.Service.ID);
    changes += 1;
  });
  watch.on('error', () => {});
  const sees = (...expected: string[]) => until(() => JSON.stringify(latest) === JSON.stringify(expected), 4000);
  const register = (id: string) =>
    consul.agent.service.register({
      id,
      name: 'seen',
      port: 1,
      check: { name: 'c', timeout: '1s', ttl: '30s', status: 'passing' },
    });
  expect(await sees()).toBeLessThan(4000);
  await register('s-1');
  expect(await sees('s-1')).toBeLessThan(4000);
  await register('s-2');
  expect(await sees('s-1', 's-2')).toBeLessThan(4000);
  await consul.agent.service.deregister('s-1');
  expect(await sees('s-2')).toBeLessThan(4000);
  expect(changes, 'one change each, no polling').toBe(4);
  await control.kill();
  control = await startControl(ANNOUNCED, control.port);
  await register('s-3');
  expect(await sees('s-3')).toBeLessThan(4000);
  watch.end();
});
