import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../harness/clock.ts';
import type { EdgeOptionsInput } from '../../../stack/edge/options.ts';
import { noModSecurity, noNginx, startEdge } from './fixtures/running-edge.ts';
import { startUpstream } from './fixtures/upstream.ts';

const OBSERVE_MS = 700;

/** Part of a stream that reaches the client before the upstream sends its second token, and the whole stream. */
async function firstToken(options: EdgeOptionsInput, path = '/v1/chat/completions') {
  let upstreamResponse: ServerResponse | undefined;
  await using upstream = await startUpstream((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    // Not in the same packet as the header, with which nginx would relay it.
    setTimeout(() => response.write('data: first\n\n'), 100);
    upstreamResponse = response;
  });
  await using edge = await startEdge(options, [upstream.address]);
  const body = JSON.stringify({ messages: [{ role: 'user', content: 'hello' }], stream: true });
  const headers = { 'content-type': 'application/json' };
  let text = '';
  const response = new Promise<IncomingMessage>((resolve, reject) => {
    const request = httpRequest(edge.url + path, { method: 'POST', headers, agent: false, timeout: 5000 }, response => {
      response.on('data', chunk => {
        text += chunk;
      });
      response.on('end', () => resolve(response));
    });
    request.on('timeout', () => request.destroy(new Error('No data for 5 s')));
    request.on('error', reject);
    request.end(body);
  });
  await Promise.race([response, systemClock.sleep(OBSERVE_MS)]);
  const early = text;
  upstreamResponse!.end('data: last\n\n');
  const { headers: received } = await response;
  return { early, whole: text, accelBuffering: received['x-accel-buffering'] };
}

const whole = 'data: first\n\ndata: last\n\n';

describe.skipIf(noNginx)(`token streams ${noNginx || ''}`, () => {
  it('reach the client token by token', async () => {
    expect(await firstToken({})).toEqual({ early: 'data: first\n\n', whole, accelBuffering: 'no' });
  });

  it('reach the client token by token with cache and limits on', async () => {
    const options = { cache: {}, rateLimit: {}, maxConnectionsPerAddress: 10 } as const;
    expect((await firstToken(options)).early).toBe('data: first\n\n');
  });

  it('are delayed until their end with buffering on', async () => {
    const { early, whole: all } = await firstToken({ streaming: { buffering: 'on' } });
    expect([early, all]).toEqual(['', whole]);
  });

  it.skipIf(noModSecurity)(`reach the client token by token through the firewall ${noModSecurity || ''}`, async () => {
    expect((await firstToken({ waf: 'modsecurity' })).early).toBe('data: first\n\n');
  });
});
