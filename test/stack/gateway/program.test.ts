import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { until } from '../../until.ts';
import { chat, exitOf, startGateway } from './fixtures/gateway-process.ts';
import { startUpstream, streams } from './fixtures/scripted-upstream.ts';

/** Names its modules on stderr. */
const LOADED = ['--import', join(import.meta.dirname, 'fixtures/prints-loaded.ts')];
const upstreams = [{ name: 'one', url: 'http://127.0.0.1:1' }];

test('a port in use prints one line and exits with 1', async () => {
  await using first = await startGateway({ upstreams, healthChecks: 'off' });
  const { port } = new URL(first.url);
  const { code, stderr } = await exitOf({ LISTEN: `127.0.0.1:${port}`, GATEWAY_CONFIG: JSON.stringify({ upstreams }) });
  expect(code).toBe(1);
  expect(stderr).toMatch(new RegExp(`^gateway: Cannot listen on 127.0.0.1:${port}: .*\n$`));
});

test('an unknown setting prints one line that names it and exits with 1', async () => {
  const { code, stderr } = await exitOf({ LISTEN: '127.0.0.1:0', GATEWAY_CONFIG: '{"upstreams":[],"retrys":1}' });
  expect([code, stderr]).toEqual([1, 'gateway: GATEWAY_CONFIG: unknown key `retrys` Correct GATEWAY_CONFIG.\n']);
});

test('SIGTERM lets an open stream finish, accepts no new connection, then exits with 0', async () => {
  await using upstream = await startUpstream(streams(['a', 'b', 'c', 'd', 'e', 'f'], 100));
  await using gateway = await startGateway({ upstreams: [{ name: 'one', url: upstream.url }], healthChecks: 'off' });
  expect(gateway.log[0]).toMatchObject({ msg: 'listening' });
  const response = await chat(gateway, { stream: true });
  gateway.child.kill('SIGTERM');
  expect(await until(() => gateway.log.some(line => line.msg === 'draining'))).toBeLessThan(2000);
  await expect(fetch(`${gateway.url}/healthz`)).rejects.toThrow();
  expect(await response.text()).toContain('[DONE]');
  expect(await gateway.exited).toBe(0);
  expect(gateway.log.at(-1)).toMatchObject({ msg: 'stopped', clean: true });
});

test('a stream that exceeds the drain time is cut off, and its upstream request is cancelled', async () => {
  await using upstream = await startUpstream(streams(Array(100).fill('x'), 100));
  const upstreams = [{ name: 'one', url: upstream.url }];
  await using gateway = await startGateway({ upstreams, healthChecks: 'off', drainMs: 200 });
  const response = await chat(gateway, { stream: true });
  gateway.child.kill('SIGTERM');
  await expect(response.text()).rejects.toThrow();
  expect(await gateway.exited).toBe(0);
  expect(gateway.log.at(-1)).toMatchObject({ msg: 'stopped', clean: false });
  expect(await until(() => upstream.openRequests() === 0)).toBeLessThan(1000);
});

// Each is in the packages of one part.
test.each([
  [{}, []],
  [{ identity: {}, apiKeyHashes: ['a'.repeat(64)] }, ['jose']],
  [{ encryption: {} }, ['@noble/curves']],
  [{ tracing: { endpoint: 'http://127.0.0.1:1/v1/traces' } }, ['@opentelemetry/sdk-trace']],
])('of the libraries of its parts, a gateway with %j loads %j', async (parts, expected) => {
  const key = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
  const secrets = { GATEWAY_SIGNING_KEYS: String(key), GATEWAY_SM2_KEY: '1'.repeat(64) };
  await using gateway = await startGateway({ upstreams, healthChecks: 'off', ...parts }, secrets, LOADED);
  // What it has printed is all there once it has ended.
  gateway.child.kill();
  await gateway.exited;
  const loaded = gateway.stderr();
  expect(loaded).toContain('/stack/gateway/gateway.ts');
  const libraries = ['jose', '@noble/curves', '@opentelemetry/sdk-trace'];
  expect(libraries.filter(name => loaded.includes(`/node_modules/${name}/`))).toEqual(expected);
});
