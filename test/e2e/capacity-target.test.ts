import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { CapacityDocument } from '../../reports/store/capacity-document.ts';
import { begin, chunkOf, DONE } from '../load/fixtures/answers.ts';
import { squall, temporaryFolder } from './squall.ts';

const SERVERS = 2;
const SERVICE_MS = 50;

/** A queue with two servers, each of which takes 50 ms a request: 40 requests a second, and no more. */
async function startQueue(): Promise<AsyncDisposable & { readonly url: string }> {
  const waiting: ServerResponse[] = [];
  let busy = 0;
  const serve = () => {
    while (busy < SERVERS && waiting.length > 0) {
      const response = waiting.shift()!;
      busy += 1;
      setTimeout(() => {
        busy -= 1;
        begin(response);
        response.end(chunkOf('a') + DONE);
        serve();
      }, SERVICE_MS);
    }
  };
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      if (request.method !== 'POST') return void response.writeHead(404).end();
      waiting.push(response);
      serve();
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

it('finds the capacity of a server that Squall did not start', { timeout: 300_000 }, async () => {
  await using queue = await startQueue();
  using out = temporaryFolder();
  const scenario = join(import.meta.dirname, 'fixtures/two-servers.yaml');
  const { code, stdout, stderr } = await squall([
    ...['capacity', scenario, '--target', queue.url, '--step', '5s', '--max-steps', '12', '--budget', '60s'],
    ...['--out', out.path, '--json'],
  ]);
  expect([0, 2], stderr).toContain(code);
  const { edge, platform, limitedBy, steps } = JSON.parse(stdout) as CapacityDocument;
  expect(platform).toBe('external');
  expect(limitedBy).toBe('p90(latency) <= 300 ms');
  // P90 of a queue with two servers, which serve 40/s at most, is 300 ms at 36/s; timers that fire some milliseconds late make them 34/s.
  expect(edge!.lower, stderr).toBeLessThan(36);
  expect(edge!.upper, stderr).toBeGreaterThan(34);
  // A minute is enough for seven steps: the bracket, which is found by doubling, and as much on either side as steps cannot tell apart.
  expect(edge!.upper / edge!.lower).toBeLessThan(3);
  // Far above the edge a step ends early.
  expect(
    steps.some(({ value, endedEarly }) => value > 60 && endedEarly) || steps.every(({ value }) => value < 60),
  ).toBe(true);
});
