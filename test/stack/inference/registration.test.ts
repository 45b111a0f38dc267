import { once } from 'node:events';
import { expect, test } from 'vitest';
import { FakeClock } from '../../../harness/clock.ts';
import { parseInferenceConfig } from '../../../stack/inference/config.ts';
import { keepRegistered } from '../../../stack/inference/registration.ts';
import { until } from '../../until.ts';
import { send, startControl } from '../control/fixtures/control-process.ts';
import { startReplica } from './replica.ts';

const registration = { id: 'inference-1', service: 'inference', address: '127.0.0.1:9', ttlMs: 3000 };

/** Keeps a registration for 60 s of virtual time at an agent that is away and forgets as told; tells the calls it got. */
async function keep(state: (atMs: number) => 'away' | 'forgot' | 'there') {
  const clock = new FakeClock();
  const calls: [atMs: number, call: string][] = [];
  const logged: string[] = [];
  const call = async (name: string) => {
    calls.push([clock.nowMs(), name]);
    if (state(clock.nowMs()) === 'away') throw new Error('connection refused');
  };
  const client = {
    register: () => call('register'),
    heartbeat: async () => {
      await call('heartbeat');
      return state(clock.nowMs()) === 'there';
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

test('registers once, beats three times in a TTL, and takes its leave', async () => {
  const { calls, count } = await keep(() => 'there');
  expect([count('register'), count('heartbeat'), count('deregister')]).toEqual([1, 60, 1]);
  expect(calls.slice(0, 2)).toEqual([
    [0, 'register'],
    [1000, 'heartbeat'],
  ]);
});

test('goes on trying while the agent is away, says so once, and registers when it is back', async () => {
  const { calls, logged } = await keep(atMs => (atMs < 10_500 ? 'away' : 'there'));
  expect(calls.filter(([atMs]) => atMs < 10_500).every(([, name]) => name === 'register')).toBe(true);
  expect(logged).toEqual(['registration is not kept alive', 'registered']);
});

test('registers again with an agent that has forgotten it', async () => {
  const { calls } = await keep(atMs => (atMs === 5000 ? 'forgot' : 'there'));
  expect(calls.filter(([, name]) => name === 'register').map(([atMs]) => atMs)).toEqual([0, 5000]);
});

test.each([
  [{ url: 'http://x' }, 'advertise'],
  [{ url: 'ftp://x', advertise: 'a:1' }, 'url'],
  [{ url: 'http://x', advertise: 'a' }, 'HOST:PORT'],
  [{ url: 'http://x', advertise: 'a:1', ttl: 1 }, 'ttl'],
])('the registration %j is refused', (value, message) => {
  expect(() => parseInferenceConfig(JSON.stringify({ registration: value }))).toThrow(message);
});

test('a replica registers the address it is told once it is ready, comes back to a restarted agent, and leaves on SIGTERM', async () => {
  await using first = await startControl();
  const advertise = '127.0.0.1:4711';
  const config = { name: 'r-1', timeScale: 100, registration: { url: first.url, advertise, ttlMs: 600 } };
  await using replica = await startReplica(config, false);
  const told = async () => {
    const { json } = await send(`${first.url}/v1/health/service/inference?passing`, 'GET');
    return json.map(({ Service: { ID, Address, Port } }: Record<'Service', Record<string, unknown>>) => [
      ID,
      Address,
      Port,
    ]);
  };
  expect(await told(), 'the model is not loaded yet').toEqual([]);
  await until(async () => (await told()).length === 1);
  expect(replica.log.some(({ msg }) => msg === 'ready')).toBe(true);
  expect(await told()).toEqual([['r-1', '127.0.0.1', 4711]]);
  // Longer than a TTL: heartbeats keep it.
  await new Promise(resolve => setTimeout(resolve, 900));
  expect(await told()).toHaveLength(1);
  await first.kill();
  await using _second = await startControl({}, first.port);
  await until(async () => (await told()).length === 1);
  const exited = once(replica.child, 'exit');
  replica.child.kill('SIGTERM');
  expect((await exited)[0]).toBe(0);
  const { json } = await send(`${first.url}/v1/catalog/service/inference`, 'GET');
  expect(json).toEqual([]);
});
