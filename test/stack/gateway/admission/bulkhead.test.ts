import { afterEach, describe, expect, test } from 'vitest';
import type { GatewayConfigInput } from '../../../../stack/gateway/config.ts';
import { HeldUpstreams } from '../fixtures/held-upstreams.ts';

const TWO = ['one', 'two'].map(name => ({ name, url: `http://${name}` }));
let held: HeldUpstreams;
afterEach(() => held[Symbol.asyncDispose]());

function start(bulkhead: GatewayConfigInput['bulkhead'], more: Partial<GatewayConfigInput> = {}): void {
  held = new HeldUpstreams({ upstreams: TWO, bulkhead, ...more });
}

describe('a bulkhead', () => {
  test('an upstream has no more requests than it may, and the next one gets the first room, whoever has it', async () => {
    start({ perUpstream: 2 });
    for (let each = 0; each < 10; each += 1) held.client(`${each}`);
    await held.advance(0);
    expect(held.working.size).toBe(4);
    const hosts = [...held.hosts.values()];
    expect(hosts.filter(host => host === 'one')).toHaveLength(2);
    expect(await held.metric('gateway_bulkhead_waiting')).toBe(6);
    // All end at once: as many go on, and no room is given away twice.
    await Promise.all(['0', '1', '2', '3'].map(id => held.complete(id)));
    expect([...held.working.keys()].sort()).toEqual(['4', '5', '6', '7']);
    expect(await held.metric('gateway_upstream_in_flight{upstream="one"}')).toBe(2);
    expect(await held.metric('gateway_upstream_in_flight{upstream="two"}')).toBe(2);
    for (const id of ['4', '5', '6', '7', '8', '9']) await held.complete(id);
    expect(await held.metric('gateway_bulkhead_waiting')).toBe(0);
    expect(await held.metric('gateway_upstream_in_flight{upstream="one"}')).toBe(0);
  });

  test('waits are bounded in number and time; a client that leaves is out, and frees its room', async () => {
    start({ perUpstream: 1, maxRequests: 2, maxWaitMs: 300 });
    const first = held.client('a');
    held.client('b');
    await held.advance(0);
    const waiting = held.client('c');
    const gone = held.client('d');
    await held.advance(0);
    const rejected = held.client('e');
    await held.advance(0);
    expect(rejected.text).toMatch(/503.*retry-after: 1\r\n.*bulkhead_full/is);
    gone.leave();
    await held.advance(0);
    expect(await held.metric('gateway_bulkhead_waiting')).toBe(1);
    await held.advance(330);
    expect(waiting.text).toMatch(/503.*bulkhead_timeout/s);
    held.client('f');
    await held.advance(0);
    first.leave();
    await held.advance(0);
    expect([...held.working.keys()]).toEqual(['b', 'f']);
    expect(await held.metric('gateway_bulkhead_rejections_total{reason="timeout"}')).toBe(1);
  });

  test('with admission by priority the rest waits there, by its levels', async () => {
    start({ perUpstream: 1 }, { admission: { capacity: 100, reservedRatio: 0 } });
    for (const id of ['a', 'b', 'c']) held.client(id);
    await held.advance(0);
    held.client('d', { 'x-priority': 1 });
    await held.advance(0);
    expect(await held.metric('gateway_bulkhead_waiting')).toBe(0);
    expect(await held.metric('gateway_admission_waiting{level="normal"}')).toBe(1);
    await held.complete('a');
    expect([...held.working.keys()]).toEqual(['b', 'd']);
  });

  test('without it, all go to the upstreams at once', async () => {
    start('off');
    for (let each = 0; each < 10; each += 1) held.client(`${each}`);
    await held.advance(0);
    expect(held.working.size).toBe(10);
  });
});
