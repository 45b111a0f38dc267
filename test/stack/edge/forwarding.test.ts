import { describe, expect, it } from 'vitest';
import { ask } from './fixtures/ask.ts';
import { noNginx, startEdge } from './fixtures/running-edge.ts';
import { startUpstream } from './fixtures/upstream.ts';

describe.skipIf(noNginx)(`forwarding ${noNginx || ''}`, () => {
  it('passes a trace and a request id on, and hands the id back', async () => {
    await using upstream = await startUpstream();
    await using edge = await startEdge({}, [upstream.address]);
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const headers = { traceparent, 'x-request-id': 'mine-1', host: 'edge.test' };
    const answer = await ask(edge.url, { headers });
    expect(upstream.seen[0]!.headers).toMatchObject({ traceparent, 'x-request-id': 'mine-1', host: 'edge.test' });
    expect(answer.headers['x-request-id']).toBe('mine-1');
  });

  it('makes an id where there is none or a strange one, and no trace', async () => {
    await using upstream = await startUpstream();
    await using edge = await startEdge({}, [upstream.address]);
    await ask(edge.url);
    await ask(edge.url, { headers: { 'x-request-id': 'a"b c' } });
    const ids = upstream.seen.map(request => request.headers['x-request-id']);
    expect(ids).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/), expect.stringMatching(/^[0-9a-f]{32}$/)]);
    expect(new Set(ids).size).toBe(2);
    expect(upstream.seen[0]!.headers.traceparent).toBeUndefined();
  });

  it('keeps connections to the upstreams, unless told not to', async () => {
    await using upstream = await startUpstream();
    await using keeps = await startEdge({}, [upstream.address]);
    await using renews = await startEdge({ keepAliveConnections: 'off' }, [upstream.address]);
    for (let sent = 0; sent < 5; sent += 1) await ask(keeps.url);
    expect(upstream.connections.size).toBe(1);
    for (let sent = 0; sent < 5; sent += 1) await ask(renews.url);
    expect(upstream.connections.size).toBe(1 + 5);
  });

  it('logs JSON, without keys, whatever the request holds', async () => {
    await using upstream = await startUpstream();
    await using edge = await startEdge({}, [upstream.address]);
    const headers = { authorization: 'Bearer secret', traceparent: '"},{"\\' };
    await ask(`${edge.url}/v1/%22quoted%0Aline?key=secret`, { headers });
    const [line] = await edge.log(1);
    expect(line).toMatchObject({ status: '200', path: '/v1/"quoted\nline', upstream: upstream.address, tls_group: '' });
    expect(line!.traceparent).toBe('"},{"\\');
    expect(JSON.stringify(line)).not.toContain('secret');
  });

  it('tells its figures on a listener of their own', async () => {
    await using upstream = await startUpstream();
    await using edge = await startEdge({}, [upstream.address]);
    await ask(edge.url);
    const { body } = await ask(`${edge.statusUrl}/nginx_status`);
    expect(Number(/requests\s+\d+ \d+ (\d+)/.exec(body)![1])).toBeGreaterThanOrEqual(2);
    expect(Number(/Active connections: (\d+)/.exec(body)![1])).toBeGreaterThanOrEqual(1);
    // Clients cannot see it: there the path is the upstream's.
    expect((await ask(`${edge.url}/nginx_status`)).body).toBe('{"ok":true}');
    expect((await ask(edge.statusUrl)).status).toBe(404);
  });
});
