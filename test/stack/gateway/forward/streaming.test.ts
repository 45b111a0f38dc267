import { request } from 'node:http';
import { expect, test } from 'vitest';
import { until } from '../../../until.ts';
import { chat, metric, startGateway } from '../fixtures/gateway-process.ts';
import { diesAfter, responds, stallsAfter, startUpstream, streams } from '../fixtures/scripted-upstream.ts';

const quiet = { healthChecks: 'off' } as const;

test('the first token arrives before the upstream has finished', async () => {
  // Five gaps of 100 ms: a buffering proxy could not deliver the first token earlier than 500 ms after the request.
  await using upstream = await startUpstream(streams(['a', 'b', 'c', 'd', 'e'], 100));
  await using gateway = await startGateway({ ...quiet, upstreams: [{ name: 'one', url: upstream.url }] });
  const response = await chat(gateway, { stream: true });
  const reader = response.body!.getReader();
  const first = await reader.read();
  expect(Buffer.from(first.value!).toString()).toContain('"content":"a"');
  expect(upstream.openRequests()).toBe(1);
  let rest = '';
  for (let part = await reader.read(); !part.done; part = await reader.read())
    rest += Buffer.from(part.value).toString();
  expect(rest.endsWith('data: [DONE]\n\n')).toBe(true);
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  expect(response.headers.get('x-squall-upstream')).toBe('one');
  expect(response.headers.get('x-squall-attempts')).toBe('1');
});

test('a stream whose upstream dies ends with an error event and an incomplete body', async () => {
  await using upstream = await startUpstream(diesAfter(['a', 'b'], 10));
  await using healthy = await startUpstream(responds());
  const upstreams = [
    { name: 'one', url: upstream.url },
    { name: 'two', url: healthy.url },
  ];
  await using gateway = await startGateway({ ...quiet, balancer: 'round-robin', upstreams });
  const { text, complete } = await readRaw(gateway.url);
  expect(text).toContain('"content":"b"');
  expect(text.trimEnd().split('\n').at(-1)).toContain('"code":"upstream_reset"');
  expect(text).not.toContain('[DONE]');
  expect(complete).toBe(false);
  // Bytes were sent, so no retry is allowed.
  expect([upstream.received.length, healthy.received.length]).toEqual([1, 0]);
  expect(await metric(gateway, 'gateway_truncated_responses_total', 'reason="reset"')).toBe(1);
});

test('a stream whose upstream finishes is complete', async () => {
  await using upstream = await startUpstream(streams(['a', 'b'], 10));
  await using gateway = await startGateway({ ...quiet, upstreams: [{ name: 'one', url: upstream.url }] });
  const { text, complete } = await readRaw(gateway.url);
  expect(text).toContain('[DONE]');
  expect(complete).toBe(true);
});

test('an upstream that stalls between tokens is cut off', async () => {
  await using upstream = await startUpstream(stallsAfter(['a'], 0));
  const upstreams = [{ name: 'one', url: upstream.url }];
  await using gateway = await startGateway({ ...quiet, upstreams, timeouts: { idleMs: 150 } });
  const { text, complete } = await readRaw(gateway.url);
  expect(text).toContain('"code":"upstream_idle_timeout"');
  expect(complete).toBe(false);
  expect(await until(() => upstream.openRequests() === 0)).toBeLessThan(1000);
});

test('a client that disconnects cancels its upstream request', async () => {
  // The stream would run for 10 s; it must be gone long before.
  await using upstream = await startUpstream(streams(Array(100).fill('x'), 100));
  await using gateway = await startGateway({ ...quiet, upstreams: [{ name: 'one', url: upstream.url }] });
  const client = new AbortController();
  const response = await chat(gateway, { stream: true, signal: client.signal });
  await response.body!.getReader().read();
  expect(upstream.openRequests()).toBe(1);
  client.abort();
  expect(await until(() => upstream.openRequests() === 0)).toBeLessThan(1000);
  expect(await until(() => gateway.log.some(line => line.outcome === 'cancelled'))).toBeLessThan(1000);
  expect(await metric(gateway, 'gateway_streams_active')).toBe(0);
});

test('a client that reads nothing does not make the gateway buffer the response', async () => {
  // 64 MiB exceed all socket buffers on the way: without backpressure the gateway would read everything.
  const piece = 'x'.repeat(65_536);
  let written = 0;
  await using upstream = await startUpstream(response => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const more = () => {
      while (written < 1024) {
        written += 1;
        if (!response.write(piece)) return void response.once('drain', more);
      }
      response.end();
    };
    more();
  });
  const upstreams = [{ name: 'one', url: upstream.url }];
  await using gateway = await startGateway({ ...quiet, upstreams, connections: { sendMs: 600 } });
  const call = openStream(gateway.url);
  call.on('response', response => response.pause());
  expect(await until(() => gateway.log.some(line => line.reason === 'slow-reader'), 5000)).toBeLessThan(5000);
  expect(written).toBeLessThan(512);
  expect(await until(() => upstream.openRequests() === 0)).toBeLessThan(1000);
  call.destroy();
});

function openStream(url: string) {
  const call = request(`${url}/v1/chat/completions`, { method: 'POST' });
  call.on('error', () => {});
  call.end('{"model":"tiny","stream":true,"messages":[{"role":"user","content":"hi"}]}');
  return call;
}

/** Reads a stream until it ends or breaks. */
function readRaw(url: string): Promise<{ text: string; complete: boolean }> {
  return new Promise(resolve => {
    openStream(url).on('response', response => {
      let text = '';
      response.on('data', chunk => {
        text += String(chunk);
      });
      response.on('error', () => {});
      response.on('close', () => resolve({ text, complete: response.complete }));
    });
  });
}
