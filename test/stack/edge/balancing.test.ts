import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../harness/clock.ts';
import type { EdgeOptionsInput } from '../../../stack/edge/options.ts';
import { until } from '../../until.ts';
import { ask, errorCode } from './fixtures/ask.ts';
import { noNginx, startEdge } from './fixtures/running-edge.ts';
import { json, startUpstream } from './fixtures/upstream.ts';

/** How many of `total` requests, one after the other, reached each of three upstreams. */
async function spread(options: EdgeOptionsInput, total: number): Promise<number[]> {
  await using first = await startUpstream();
  await using second = await startUpstream();
  await using third = await startUpstream();
  const all = [first, second, third];
  await using edge = await startEdge(
    options,
    all.map(upstream => upstream.address),
  );
  for (let sent = 0; sent < total; sent += 1) expect((await ask(edge.url)).status).toBe(200);
  return all.map(upstream => upstream.seen.length);
}

describe.skipIf(noNginx)(`balancing ${noNginx || ''}`, () => {
  it('spreads by the weights 5/3/2', async () => {
    // Smooth weighted round robin is exact over each 10 turns.
    const counts = await spread({ balancing: { kind: 'weighted', weights: [5, 3, 2] } }, 100);
    expect(counts).toEqual([50, 30, 20]);
  });

  it('spreads evenly without weights', async () => {
    const counts = await spread({}, 90);
    expect(counts).toEqual([30, 30, 30]);
  });

  it('keeps a client with its upstream by address', async () => {
    const counts = await spread({ balancing: { kind: 'ip_hash' } }, 30);
    expect([...counts].sort()).toEqual([0, 0, 30]);
  });

  // One upstream holds two requests for as long as the test likes. Taking turns, half of what comes now goes there too.
  it.each([
    { kind: 'least_conn', toBusy: 0 },
    { kind: 'round-robin', toBusy: 5 },
  ] as const)('sends $toBusy of 10 requests to the busy one with $kind', async ({ kind, toBusy }) => {
    const held: (() => void)[] = [];
    await using busy = await startUpstream((request, response) =>
      request.url === '/hold' ? void held.push(() => json(response, 200, {})) : json(response, 200, {}),
    );
    await using idle = await startUpstream((request, response) =>
      request.url === '/hold' ? void held.push(() => json(response, 200, {})) : json(response, 200, {}),
    );
    await using edge = await startEdge({ balancing: { kind } }, [busy.address, idle.address]);
    const first = ask(`${edge.url}/hold`);
    await until(() => held.length === 1);
    for (let sent = 0; sent < 10; sent += 1) await ask(`${edge.url}/now`);
    const [holder] = busy.seen.some(request => request.url === '/hold') ? [busy] : [idle];
    expect(holder!.seen.filter(request => request.url === '/now')).toHaveLength(toBusy);
    held[0]!();
    expect((await first).status).toBe(200);
  });
});

describe.skipIf(noNginx)(`passive failure detection ${noNginx || ''}`, () => {
  /** An upstream that breaks every connection as soon as a request came. */
  const breaks = () => startUpstream(request => request.socket.destroy());

  it('takes an upstream out after three failures and tries it again after the time', async () => {
    await using broken = await breaks();
    await using sound = await startUpstream();
    const options = { passiveFailure: { maxFails: 3, failTimeoutMs: 2000 } };
    await using edge = await startEdge(options, [broken.address, sound.address]);
    for (let sent = 0; sent < 20; sent += 1) expect((await ask(edge.url)).status).toBe(200);
    expect(broken.seen).toHaveLength(3);
    expect(sound.seen).toHaveLength(20);
    // nginx counts in whole seconds: 2 s is over after 3 s at the latest.
    await systemClock.sleep(3100);
    for (let sent = 0; sent < 4; sent += 1) await ask(edge.url);
    expect(broken.seen.length).toBeGreaterThan(3);
  });

  it('goes on asking a broken upstream when switched off', async () => {
    await using broken = await breaks();
    await using sound = await startUpstream();
    await using edge = await startEdge({ passiveFailure: 'off' }, [broken.address, sound.address]);
    for (let sent = 0; sent < 20; sent += 1) await ask(edge.url);
    expect(broken.seen.length).toBeGreaterThanOrEqual(9);
  });

  it('does not count an answer, even a 503, and passes it on untouched', async () => {
    await using busy = await startUpstream((_, response) => json(response, 503, { error: 'mine' }));
    await using other = await startUpstream((_, response) => json(response, 503, { error: 'mine' }));
    await using edge = await startEdge({}, [busy.address, other.address]);
    for (let sent = 0; sent < 10; sent += 1) expect((await ask(edge.url)).body).toBe('{"error":"mine"}');
    expect(busy.seen).toHaveLength(5);
  });

  it('answers 502 in JSON when nobody is left', async () => {
    await using first = await breaks();
    await using second = await breaks();
    await using edge = await startEdge({}, [first.address, second.address]);
    const answer = await ask(edge.url);
    expect([answer.status, errorCode(answer), answer.headers['retry-after']]).toEqual([502, 'bad_gateway', '1']);
  });

  it('does not send a POST twice', async () => {
    await using first = await breaks();
    await using second = await breaks();
    await using edge = await startEdge({}, [first.address, second.address]);
    expect((await ask(edge.url, { method: 'POST', body: '{}' })).status).toBe(502);
    expect(first.seen.length + second.seen.length).toBe(1);
  });
});
