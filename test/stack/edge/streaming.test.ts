import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../harness/clock.ts';
import type { EdgeOptionsInput } from '../../../stack/edge/options.ts';
import { noModSecurity, noNginx, startEdge } from './fixtures/running-edge.ts';
import { startUpstream } from './fixtures/upstream.ts';

const SEEN_LIMIT_MS = 700;

/** What of a stream has reached the client while the upstream holds back all but its first token. */
async function firstToken(options: EdgeOptionsInput, path = '/v1/chat/completions') {
  let held: ServerResponse | undefined;
  await using upstream = await startUpstream((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    // Not in the packet of the header, which nginx passes on with it.
    setTimeout(() => response.write('data: first\n\n'), 100);
    held = response;
  });
  await using edge = await startEdge(options, [upstream.address]);
  const body = JSON.stringify({ messages: [{ role: 'user', content: 'hello' }], stream: true });
  const headers = { 'content-type': 'application/json' };
  let text = '';
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    const request = httpRequest(edge.url + path, { method: 'POST', headers, agent: false, timeout: 5000 }, response => {
      response.on('data', chunk => {
        text += chunk;
      });
      response.on('end', () => resolve(response));
    });
    request.on('timeout', () => request.destroy(new Error('Nothing came for 5 s')));
    request.on('error', reject);
    request.end(body);
  });
  await Promise.race([answer, systemClock.sleep(SEEN_LIMIT_MS)]);
  const early = text;
  held!.end('data: last\n\n');
  const { headers: answered } = await answer;
  return { early, whole: text, accelBuffering: answered['x-accel-buffering'] };
}

const whole = 'data: first\n\ndata: last\n\n';

describe.skipIf(noNginx)(`token streams ${noNginx || ''}`, () => {
  it('reach the client token by token', async () => {
    expect(await firstToken({})).toEqual({ early: 'data: first\n\n', whole, accelBuffering: 'no' });
  });

  it('do so with cache, limits and a trace of everything else switched on', async () => {
    const options = { cache: {}, rateLimit: {}, maxConnectionsPerAddress: 10 } as const;
    expect((await firstToken(options)).early).toBe('data: first\n\n');
  });

  it('wait for their end with buffering on', async () => {
    const { early, whole: all } = await firstToken({ streaming: { buffering: 'on' } });
    expect([early, all]).toEqual(['', whole]);
  });

  it.skipIf(noModSecurity)(`reach the client token by token past the firewall ${noModSecurity || ''}`, async () => {
    expect((await firstToken({ waf: 'modsecurity' })).early).toBe('data: first\n\n');
  });
});
