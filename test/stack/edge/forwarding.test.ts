import { describe, expect, it } from 'vitest';
import { send } from './fixtures/http-client.ts';
import { noNginx, startEdge } from './fixtures/running-edge.ts';
import { startUpstream } from './fixtures/upstream.ts';

describe.skipIf(noNginx)(`forwarding ${noNginx || ''}`, () => {
  it('forwards trace and request id, and returns the id', async () => {
    await using upstream = await startUpstream();
    await using edge = await startEdge({}, [upstream.address]);
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const headers = { traceparent, 'x-request-id': 'mine-1', host: 'edge.test' };
    const response = await send(edge.url, { headers });
    expect(upstream.received[0]!.headers).toMatchObject({ traceparent, 'x-request-id': 'mine-1', host: 'edge.test' });
    expect(response.headers['x-request-id']).toBe('mine-1');
  });

  it('generates an id if missing or malformed, but no trace', async () => {
    await using upstream = await startUpstream();
    await using edge = await startEdge({}, [upstream.address]);
    await send(edge.url);
    await send(edge.url, { headers: { 'x-request-id': 'a"b c' } });
    const ids = upstream.received.map(request => request.headers['x-request-id']);
    expect(ids).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/), expect.stringMatching(/^[0-9a-f]{32}$/)]);
    expect(new Set(ids).size).toBe(2);
    expect(upstream.received[0]!.headers.traceparent).toBeUndefined();
  });

  it('keeps connections to upstreams alive unless configured otherwise', async () => {
    await using upstream = await startUpstream();
    await using keeps = await startEdge({}, [upstream.address]);
    await using renews = await startEdge({ keepAliveConnections: 'off' }, [upstream.address]);
    for (let sent = 0; sent < 5; sent += 1) await send(keeps.url);
    expect(upstream.connections.size).toBe(1);
    for (let sent = 0; sent < 5; sent += 1) await send(renews.url);
    expect(upstream.connections.size).toBe(1 + 5);
  });

  it('logs valid JSON without keys, whatever the request contains', async () => {
    await using upstream = await startUpstream();
    await using edge = await startEdge({}, [upstream.address]);
    const headers = { authorization: 'Bearer secret', traceparent: '"},{"\\' };
    await send(`${edge.url}/v1/%22quoted%0Aline?key=secret`, { headers });
    const [line] = await edge.log(1);
    expect(line).toMatchObject({ status: '200', path: '/v1/"quoted\nline', upstream: upstream.address, tls_group: '' });
    expect(line!.traceparent).toBe('"},{"\\');
    expect(JSON.stringify(line)).not.toContain('secret');
  });

  it('serves its status on a separate listener', async () => {
    await using upstream = await startUpstream();
    await using edge = await startEdge({}, [upstream.address]);
    await send(edge.url);
    const { body } = await send(`${edge.statusUrl}/nginx_status`);
    expect(Number(/requests\s+\d+ \d+ (\d+)/.exec(body)![1])).toBeGreaterThanOrEqual(2);
    expect(Number(/Active connections: (\d+)/.exec(body)![1])).toBeGreaterThanOrEqual(1);
    // Clients cannot reach it: for them the path belongs to the upstream.
    const named = (host: string) => send(`${edge.statusUrl}/nginx_status`, { headers: { host } });
    const statuses = ['evil.example', '127.0.0.1.evil.example', 'localhost', 'edge:8001', '[::1]'].map(named);
    expect((await Promise.all(statuses)).map(({ status }) => status)).toEqual([403, 403, 200, 200, 200]);
    expect((await send(`${edge.url}/nginx_status`)).body).toBe('{"ok":true}');
    expect((await send(edge.statusUrl)).status).toBe(404);
  });
});
