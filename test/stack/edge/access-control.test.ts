import { describe, expect, it } from 'vitest';
import { errorCode, send } from './fixtures/http-client.ts';
import { noNginx, startEdge } from './fixtures/running-edge.ts';
import { startUpstream } from './fixtures/upstream.ts';

describe.skipIf(noNginx)(`access control ${noNginx || ''}`, () => {
  it.each([
    { bytes: 2047, limit: 2047, status: 200 },
    { bytes: 2048, limit: 2047, status: 403 },
    { bytes: 2048, limit: 'off', status: 200 },
    { bytes: 12_000, limit: 2047, status: 403 },
  ] as const)('responds with $status to a User-Agent of $bytes bytes with the limit $limit', async row => {
    await using upstream = await startUpstream();
    await using edge = await startEdge({ maxUserAgentBytes: row.limit }, [upstream.address]);
    const response = await send(edge.url, { headers: { 'user-agent': 'a'.repeat(row.bytes) } });
    expect(response.status).toBe(row.status);
    if (row.status === 403) expect(errorCode(response)).toBe('header_too_long');
    expect(upstream.received).toHaveLength(row.status === 200 ? 1 : 0);
  });

  it('admits only listed addresses', async () => {
    await using upstream = await startUpstream();
    await using edge = await startEdge({ allowList: ['127.0.0.1', '10.0.0.0/8', '::1'] }, [upstream.address]);
    expect((await send(edge.url)).status).toBe(200);
    const rejected = await send(edge.url, { from: '127.0.0.2' });
    expect([rejected.status, errorCode(rejected)]).toEqual([403, 'address_not_allowed']);
    await using open = await startEdge({}, [upstream.address]);
    expect((await send(open.url, { from: '127.0.0.2' })).status).toBe(200);
  });

  it('rejects an oversized header in JSON with a request id', async () => {
    await using edge = await startEdge({}, ['127.0.0.1:9']);
    const response = await send(edge.url, { headers: { 'x-long': 'a'.repeat(40_000) } });
    expect([response.status, errorCode(response)]).toEqual([400, 'bad_request']);
    expect(response.headers['x-request-id']).toMatch(/^[0-9a-f]{32}$/);
  });
});
