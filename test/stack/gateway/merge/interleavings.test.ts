import { expect, test } from 'vitest';
import { seededRandom } from '../../../../harness/random.ts';
import { begin, type Call, type Client, settle, startInMemory, tokenOf } from './fixture.ts';

/** What can happen to a call, in any order; in every other history mostly what makes readers fall behind. */
const ANY = ['join', 'join', 'send', 'send', 'send', 'leave', 'pause', 'resume', 'finish', 'break', 'fail'] as const;
const LONG = ['join', 'send', 'send', 'send', 'send', 'pause', 'leave'] as const;
const HISTORIES = 110;

// Small, so that readers that pause fall behind it once their sockets, which take about 80 KB here, are full.
const merge = { maxBytes: 4096 };

test('whatever order clients join, leave and read in, each gets the beginning of its response, and all of it or a clear error', async () => {
  const seen = { complete: 0, broken: 0, cut: 0, cancelled: 0, joined: 0 };
  for (let seed = 1; seed <= HISTORIES; seed += 1) {
    const random = seededRandom(seed);
    const { calls, connect, metric, gateway } = startInMemory({ merge, retries: 0 });
    const sent = new Map<Call, string>();
    const ended = new Map<Call, 'finished' | 'broken' | 'failed'>();
    const clients: { readonly client: Client; readonly call: Call; hasLeft: boolean; isPaused: boolean }[] = [];
    const current = () => calls.find(call => !ended.has(call) && !call.isCancelled);
    for (let step = 0; step < 25; step += 1) {
      const kind = seed % 2 === 1 ? random.pick(ANY) : step < 4 ? 'join' : random.pick(LONG);
      const call = current();
      if (kind === 'join') {
        const client = connect();
        await settle();
        // A response beyond `maxBytes` is no longer joined.
        clients.push({ client, call: calls.at(-1)!, hasLeft: false, isPaused: false });
      } else if (kind === 'leave' || kind === 'pause' || kind === 'resume') {
        const here = clients.filter(({ client, hasLeft }) => client.complete === undefined && !hasLeft);
        if (here.length === 0) continue;
        const one = random.pick(here);
        one.hasLeft = kind === 'leave';
        one.isPaused = kind === 'pause' || (one.isPaused && kind !== 'resume');
        if (kind === 'leave') one.client.leave();
        else if (one.client.response) one.client.response[kind]();
      } else if (call && kind === 'fail') {
        if (sent.has(call)) continue;
        ended.set(call, 'failed');
        call.handler.onError(new Error('reset'));
      } else if (call && kind === 'send') {
        const text = tokenOf(String(step).padEnd(random.pick([10, 3000, 60_000]), 'x'));
        if (call.isPaused) continue;
        if (sent.has(call)) call.handler.onData(Buffer.from(text));
        else begin(call, text);
        sent.set(call, (sent.get(call) ?? '') + text);
      } else if (call && sent.has(call)) {
        ended.set(call, kind === 'finish' ? 'finished' : 'broken');
        if (kind === 'finish') call.handler.onEnd();
        else call.handler.onError(new Error('reset'));
      }
      await settle();
      // Cancelled exactly when the last one has left.
      for (const other of calls) {
        const here = clients.filter(one => one.call === other && !one.hasLeft && one.client.complete === undefined);
        const isRunning = !ended.has(other);
        if (isRunning) expect(other.isCancelled, `seed ${seed}, step ${step}`).toBe(here.length === 0);
      }
      if (step % 8 === 7)
        expect(await metric('gateway_merge_kept_bytes')).toBeLessThanOrEqual(calls.length * (4096 + 2 * 60_200));
    }
    for (const { client } of clients) client.response?.resume();
    await settle(40);
    for (const { client, call, hasLeft } of clients) {
      const whole = sent.get(call) ?? '';
      const where = `seed ${seed}`;
      if (client.response?.statusCode === 502) {
        expect(ended.get(call), where).toBe('failed');
        continue;
      }
      const error = client.text.indexOf('\n\ndata: {"error"');
      const text = error < 0 ? client.text : client.text.slice(0, error);
      expect(whole.startsWith(text), where).toBe(true);
      if (hasLeft || (client.complete === undefined && !ended.has(call))) continue;
      if (client.complete) {
        expect(ended.get(call), where).toBe('finished');
        expect(text, where).toBe(whole);
        seen.complete += 1;
      } else {
        const isCut = client.text.includes('reader_too_slow');
        // One that reads too slowly may find its connection closed before the error.
        if (ended.get(call) !== 'broken') expect(isCut, where).toBe(true);
        seen[isCut ? 'cut' : 'broken'] += 1;
      }
    }
    seen.cancelled += await metric('gateway_merge_cancelled_total');
    seen.joined += await metric('gateway_merge_requests_total{result="joined"}');
    for (const { client } of clients) client.leave();
    await gateway[Symbol.asyncDispose]();
  }
  // All of it has happened, and often.
  expect(Math.min(...Object.values(seen)), JSON.stringify(seen)).toBeGreaterThan(3);
});
