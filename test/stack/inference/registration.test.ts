import { once } from 'node:events';
import { expect, test } from 'vitest';
import { parseInferenceConfig } from '../../../stack/inference/config.ts';
import { keepRegistered } from '../../../stack/inference/registration.ts';
import { FakeClock } from '../../fake-clock.ts';
import { until } from '../../until.ts';
import { send, startControl } from '../control/fixtures/control-process.ts';
import { startReplica } from './replica-process.ts';

const registration = { id: 'inference-1', service: 'inference', address: '127.0.0.1:9', ttlMs: 3000 };

/** Keeps a registration for 60 s of virtual time against an agent with scripted states. Returns its calls and log messages. */
async function keep(state: (atMs: number) => 'down' | 'unregistered' | 'up') {
  const clock = new FakeClock();
  const calls: [atMs: number, call: string][] = [];
  const logged: string[] = [];
  const call = async (name: string) => {
    calls.push([clock.nowMs(), name]);
    if (state(clock.nowMs()) === 'down') throw new Error('connection refused');
  };
  const client = {
    register: () => call('register'),
    heartbeat: async () => {
      await call('heartbeat');
      return state(clock.nowMs()) === 'up';
    },
    deregister: () => call('deregister'),
  };
  const stop = new AbortController();
  const ended = keepRegistered({ registration, client, clock, log: message => logged.push(message) }, stop.signal);
  await clock.advance(60_000);
  stop.abort();
  await ended;
  return { calls, logged, count: (name: string) => calls.filter(([, other]) => other === name).length };
}

test('registers once, sends three heartbeats per TTL, and deregisters', async () => {
  const { calls, count } = await keep(() => 'up');
  expect([count('register'), count('heartbeat'), count('deregister')]).toEqual([1, 60, 1]);
  expect(calls.slice(0, 2)).toEqual([
    [0, 'register'],
    [1000, 'heartbeat'],
  ]);
});

test('keeps retrying while the agent is down, logs that once, and registers once it is up', async () => {
  const { calls, logged } = await keep(atMs => (atMs < 10_500 ? 'down' : 'up'));
  expect(calls.filter(([atMs]) => atMs < 10_500).every(([, name]) => name === 'register')).toBe(true);
  expect(logged).toEqual(['registration failed', 'registered']);
});

test('registers again with an agent that lost its registration', async () => {
  const { calls } = await keep(atMs => (atMs === 5000 ? 'unregistered' : 'up'));
  expect(calls.filter(([, name]) => name === 'register').map(([atMs]) => atMs)).toEqual([0, 5000]);
});

test.each([
  [{ url: 'http://x' }, 'advertise'],
  [{ url: 'ftp://x', advertise: 'a:1' }, 'url'],
  [{ url: 'http://x', advertise: 'a' }, 'HOST:PORT'],
  [{ url: 'http://x', advertise: 'a:1', ttl: 1 }, 'ttl'],
])('the registration %j is rejected', (value, message) => {
  expect(() => parseInferenceConfig(JSON.stringify({ registration: value }))).toThrow(message);
});

test('a replica registers its advertised address once ready, again with a restarted agent, and deregisters on SIGTERM', async () => {
  await using first = await startControl();
  const advertise = '127.0.0.1:4711';
  const config = { name: 'r-1', timeScale: 100, registration: { url: first.url, advertise, ttlMs: 600 } };
  await using replica = await startReplica(config, false);
  const registered = async () => {
    const { json } = await send(`${first.url}/v1/health/service/inference?passing`, 'GET');
    return json.map(({ Service: { ID, Address, Port } }: Record<'Service', Record<string, unknown>>) => [
      ID,
      Address,
      Port,
    ]);
  };
  expect(await registered(), 'the model is not loaded yet').toEqual([]);
  await until(async () => (await registered()).length === 1);
  expect(replica.log.some(({ msg }) => msg === 'ready')).toBe(true);
  expect(await registered()).toEqual([['r-1', '127.0.0.1', 4711]]);
  // Longer than a TTL: heartbeats keep it.
  await new Promise(resolve => setTimeout(resolve, 900));
  expect(await registered()).toHaveLength(1);
  await first.kill();
  await using _second = await startControl({}, first.port);
  await until(async () => (await registered()).length === 1);
  const exited = once(replica.child, 'exit');
  replica.child.kill('SIGTERM');
  expect((await exited)[0]).toBe(0);
  const { json } = await send(`${first.url}/v1/catalog/service/inference`, 'GET');
  expect(json).toEqual([]);
});
