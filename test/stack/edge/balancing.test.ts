import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../harness/clock.ts';
import type { EdgeOptionsInput } from '../../../stack/edge/options.ts';
import { until } from '../../until.ts';
import { errorCode, send } from './fixtures/http-client.ts';
import { noNginx, startEdge } from './fixtures/running-edge.ts';
import { json, startUpstream } from './fixtures/upstream.ts';

/** Number of `total` consecutive requests that reached each of three upstreams. */
async function distribution(options: EdgeOptionsInput, total: number): Promise<number[]> {
  await using first = await startUpstream();
  await using second = await startUpstream();
  await using third = await startUpstream();
  const all = [first, second, third];
  await using edge = await startEdge(
    options,
    all.map(upstream => upstream.address),
  );
  for (let sent = 0; sent < total; sent += 1) expect((await send(edge.url)).status).toBe(200);
  return all.map(upstream => upstream.received.length);
}

describe.skipIf(noNginx)(`balancing ${noNginx || ''}`, () => {
  it('distributes by the weights 5/3/2', async () => {
    // Smooth weighted round robin is exact over every 10 requests.
    const counts = await distribution({ balancing: { kind: 'weighted', weights: [5, 3, 2] } }, 100);
    expect(counts).toEqual([50, 30, 20]);
  });

  it('distributes evenly without weights', async () => {
    const counts = await distribution({}, 90);
    expect(counts).toEqual([30, 30, 30]);
  });

  it('sends a client to the same upstream by its address', async () => {
    const counts = await distribution({ balancing: { kind: 'ip-hash' } }, 30);
    expect([...counts].sort()).toEqual([0, 0, 30]);
  });

  // One upstream is busy with a request until released. Round robin still sends it every other request.
  it.each([
    { kind: 'least-connections', toBusy: 0 },
    { kind: 'round-robin', toBusy: 5 },
  ] as const)('sends $toBusy of 10 requests to the busy upstream with $kind', async ({ kind, toBusy }) => {
    const pending: (() => void)[] = [];
    await using busy = await startUpstream((request, response) =>
      request.url === '/hold' ? void pending.push(() => json(response, 200, {})) : json(response, 200, {}),
    );
    await using idle = await startUpstream((request, response) =>
      request.url === '/hold' ? void pending.push(() => json(response, 200, {})) : json(response, 200, {}),
    );
    await using edge = await startEdge({ balancing: { kind } }, [busy.address, idle.address]);
    const first = send(`${edge.url}/hold`);
    await until(() => pending.length === 1);
    for (let sent = 0; sent < 10; sent += 1) await send(`${edge.url}/now`);
    const [holder] = busy.received.some(request => request.url === '/hold') ? [busy] : [idle];
    expect(holder!.received.filter(request => request.url === '/now')).toHaveLength(toBusy);
    pending[0]!();
    expect((await first).status).toBe(200);
  });
});

describe.skipIf(noNginx)(`passive failure detection ${noNginx || ''}`, () => {
  /** Starts an upstream that closes every connection on its first request. */
  const breaks = () => startUpstream(request => request.socket.destroy());

  it('takes an upstream out of rotation after three failures and retries it after `failTimeoutMs`', async () => {
    await using broken = await breaks();
    await using healthy = await startUpstream();
    const options = { passiveFailure: { maxFails: 3, failTimeoutMs: 2000 } };
    await using edge = await startEdge(options, [broken.address, healthy.address]);
    for (let sent = 0; sent < 20; sent += 1) expect((await send(edge.url)).status).toBe(200);
    expect(broken.received).toHaveLength(3);
    expect(healthy.received).toHaveLength(20);
    // nginx counts in whole seconds: 2 s is over after 3 s at the latest.
    await systemClock.sleep(3100);
    for (let sent = 0; sent < 4; sent += 1) await send(edge.url);
    expect(broken.received.length).toBeGreaterThan(3);
  });

  it('keeps sending to a broken upstream when off', async () => {
    await using broken = await breaks();
    await using healthy = await startUpstream();
    await using edge = await startEdge({ passiveFailure: 'off' }, [broken.address, healthy.address]);
    for (let sent = 0; sent < 20; sent += 1) await send(edge.url);
    expect(broken.received.length).toBeGreaterThanOrEqual(9);
  });

  it('does not count an error status as a failure, and relays it unchanged', async () => {
    await using busy = await startUpstream((_, response) => json(response, 503, { error: 'mine' }));
    await using other = await startUpstream((_, response) => json(response, 503, { error: 'mine' }));
    await using edge = await startEdge({}, [busy.address, other.address]);
    for (let sent = 0; sent < 10; sent += 1) expect((await send(edge.url)).body).toBe('{"error":"mine"}');
    expect(busy.received).toHaveLength(5);
  });

  it('responds with 502 in JSON when every upstream fails', async () => {
    await using first = await breaks();
    await using second = await breaks();
    await using edge = await startEdge({}, [first.address, second.address]);
    const response = await send(edge.url);
    expect([response.status, errorCode(response), response.headers['retry-after']]).toEqual([502, 'bad_gateway', '1']);
  });

  it('does not retry a POST', async () => {
    await using first = await breaks();
    await using second = await breaks();
    await using edge = await startEdge({}, [first.address, second.address]);
    expect((await send(edge.url, { method: 'POST', body: '{}' })).status).toBe(502);
    expect(first.received.length + second.received.length).toBe(1);
  });
});
