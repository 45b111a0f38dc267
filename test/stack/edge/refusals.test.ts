import { describe, expect, it } from 'vitest';
import { ask, errorCode } from './fixtures/ask.ts';
import { noNginx, startEdge } from './fixtures/running-edge.ts';
import { startUpstream } from './fixtures/upstream.ts';

describe.skipIf(noNginx)(`refusals ${noNginx || ''}`, () => {
  it.each([
    { bytes: 2047, limit: 2047, status: 200 },
    { bytes: 2048, limit: 2047, status: 403 },
    { bytes: 2048, limit: 'off', status: 200 },
    { bytes: 12_000, limit: 2047, status: 403 },
  ] as const)('answers $status to a User-Agent of $bytes bytes with the limit $limit', async row => {
    await using upstream = await startUpstream();
    await using edge = await startEdge({ maxUserAgentBytes: row.limit }, [upstream.address]);
    const answer = await ask(edge.url, { headers: { 'user-agent': 'a'.repeat(row.bytes) } });
    expect(answer.status).toBe(row.status);
    if (row.status === 403) expect(errorCode(answer)).toBe('header_too_long');
    expect(upstream.seen).toHaveLength(row.status === 200 ? 1 : 0);
  });

  it('lets only listed addresses in', async () => {
    await using upstream = await startUpstream();
    await using edge = await startEdge({ allowList: ['127.0.0.1', '10.0.0.0/8', '::1'] }, [upstream.address]);
    expect((await ask(edge.url)).status).toBe(200);
    const refused = await ask(edge.url, { from: '127.0.0.2' });
    expect([refused.status, errorCode(refused)]).toEqual([403, 'address_not_allowed']);
    await using open = await startEdge({}, [upstream.address]);
    expect((await ask(open.url, { from: '127.0.0.2' })).status).toBe(200);
  });

  it('answers in JSON, with a request id, what it cannot read', async () => {
    await using edge = await startEdge({}, ['127.0.0.1:9']);
    const answer = await ask(edge.url, { headers: { 'x-long': 'a'.repeat(40_000) } });
    expect([answer.status, errorCode(answer)]).toEqual([400, 'bad_request']);
    expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f]{32}$/);
  });
});
