import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../harness/random.ts';
import { verifyChain } from '../../../../stack/gateway/audit/verify.ts';
import { ALL_PARTS, KEYS, startWithParts } from '../fixtures/all-parts.ts';
import { rawClient } from '../fixtures/raw-client.ts';
import { startUpstream } from '../fixtures/scripted-upstream.ts';
import { noRedis, startRedis } from '../limits/redis-server.ts';
import { hostileRequest, type Tenant } from './requests.ts';

const REQUESTS = 20_000;
const AT_ONCE = 16;
const SEED = 29;
/** Of a request whose end never comes. */
const WAIT_MS = 250;
/** Resident memory may vary by this between the second half of the requests and what the first left. */
const FLAT_RATIO = 1.3;
const TOKEN = /\b(eyJ[\w-]+\.[\w-]+\.[\w-]+|sk-(?:alice|bob)-\w+)/;

const residentMiB = (pid: number) =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;

/** What is wrong with what came back on a connection of `sender`; undefined for nothing. */
function problem(text: string, sender: string): string | undefined {
  for (const [, status] of text.matchAll(/^HTTP\/1\.1 (\d{3})/gm))
    if (Number(status) === 500 || Number(status) > 504) return `status ${status}`;
  const foreign = [...text.matchAll(/made-for:(\w+)-/g)].find(([, owner]) => owner !== sender);
  if (foreign) return `a response that was made for ${foreign[1]}`;
  if (/\n\s+at \S+ \(/.test(text)) return 'a stack trace';
  return undefined;
}

describe.skipIf(Boolean(noRedis))(`the gateway with all of its parts ${noRedis || ''}`, () => {
  it(`survives ${REQUESTS} hostile requests: no crash, no 500, no tenant gets what was made for another, memory stays flat`, {
    timeout: 400_000,
  }, async () => {
    await using redis = await startRedis();
    let forwarded = 0;
    // Says whom its response was made for. Identical prompts of different tenants are frequent.
    await using upstream = await startUpstream((response, { headers, body }) => {
      const content = `made-for:${headers['x-request-id']}`;
      const isStreamed = /"stream":\s*true/.test(body);
      response.writeHead(200, { 'content-type': isStreamed ? 'text/event-stream' : 'application/json' });
      const choice = isStreamed ? { delta: { content } } : { message: { role: 'assistant', content } };
      const text = JSON.stringify({ choices: [{ index: 0, ...choice, finish_reason: 'stop' }] });
      response.end(isStreamed ? `data: ${text}\n\ndata: [DONE]\n\n` : text);
      upstream.received.length = 0;
      forwarded += 1;
    });
    const limits = { connections: { exempt: ['127.0.0.0/8'] } };
    await using gateway = await startWithParts(upstream.url, ALL_PARTS, redis.urlAt(redis.address), limits);
    const tenants: Tenant[] = [];
    for (const name of ['alice', 'bob'] as const)
      tenants.push({ name, key: KEYS[name], token: await gateway.credential(name) });
    const random = seededRandom(SEED);
    const problems: string[] = [];
    const statuses: Record<string, number> = {};
    let nth = 0;
    const client = async () => {
      while (nth < REQUESTS && gateway.child.exitCode === null) {
        nth += 1;
        const own = nth;
        const tenant = tenants[own % tenants.length]!;
        const { bytes, sender, leaves } = hostileRequest(random, tenant, own);
        using connection = rawClient(gateway);
        connection.socket.write(bytes);
        // At once: after the gateway has got all of it or some, while it responds, or before.
        await connection.closed(leaves ? own % 8 : WAIT_MS);
        if (leaves) continue;
        const text = connection.received();
        const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 'none';
        statuses[status] = (statuses[status] ?? 0) + 1;
        const found = problem(text, sender);
        if (found !== undefined)
          problems.push(`${own}: ${found}: ${bytes.subarray(0, 300).toString('latin1')} → ${text.slice(0, 300)}`);
        if (own === Math.floor(REQUESTS / 2)) halfMiB = residentMiB(gateway.child.pid!);
      }
    };
    let halfMiB = Number.POSITIVE_INFINITY;
    await Promise.all(Array.from({ length: AT_ONCE }, client));
    expect(problems).toEqual([]);
    expect(gateway.stderr()).toBe('');
    expect(gateway.child.exitCode).toBeNull();
    // Not all were refused at the door: parser, tokens, routes and guard each refused some, and prompts were forwarded, or had been before.
    expect(forwarded).toBeGreaterThan(200);
    expect(statuses['200']).toBeGreaterThan(forwarded);
    for (const status of ['200', '400', '401', '404', '405'])
      expect(statuses[status], JSON.stringify(statuses)).toBeGreaterThan(20);
    expect(residentMiB(gateway.child.pid!)).toBeLessThan(FLAT_RATIO * halfMiB);
    // It goes on serving, and what it recorded is whole and holds no credential.
    const [alice] = tenants;
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${alice!.token}`,
        'content-type': 'application/json',
        'x-request-id': 'alice-last',
      },
      body: JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'the last' }] }),
    });
    expect([response.status, await response.text()]).toEqual([200, expect.stringContaining('made-for:alice-last')]);
    const { files, records, finding } = await verifyChain(gateway.folder);
    expect(finding).toBeUndefined();
    expect(records).toBeGreaterThan(REQUESTS / 4);
    for (const file of files) expect(TOKEN.exec(readFileSync(`${gateway.folder}/${file}`, 'utf8'))).toBeNull();
  });

  it('would be seen to fail: a 500, a foreign response and a stack trace are problems', () => {
    expect(problem('HTTP/1.1 500 Internal Server Error\r\n', 'alice')).toBe('status 500');
    expect(problem('HTTP/1.1 200 OK\r\n\r\nmade-for:bob-3', 'alice')).toContain('bob');
    expect(problem('HTTP/1.1 400 Bad Request\r\n\r\nError: x\n    at run (file.js:1:2)', 'alice')).toBe(
      'a stack trace',
    );
    expect(problem('HTTP/1.1 200 OK\r\n\r\nmade-for:alice-3', 'alice')).toBeUndefined();
  });
});
