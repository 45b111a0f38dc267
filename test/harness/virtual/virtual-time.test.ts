import { createServer } from 'node:net';
import { setTimeout as sleepReal } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../harness/random.ts';
import { EventQueue, type TimedEvent } from '../../../harness/virtual/event-queue.ts';
import { VirtualClock } from '../../../harness/virtual/virtual-clock.ts';
import { type Owner, VirtualTime } from '../../../harness/virtual/virtual-time.ts';

describe('the queue', () => {
  it('gives events by instant, then in the order of their making, whatever was removed', () => {
    const random = seededRandom(7);
    const queue = new EventQueue<TimedEvent>();
    let expected: TimedEvent[] = [];
    for (let sequence = 0; sequence < 2000; sequence += 1) {
      const event = { atUs: random.integer(0, 300), sequence, place: -1 };
      queue.add(event);
      expected.push(event);
      if (random.next() < 0.3) {
        const gone = random.pick(expected);
        queue.remove(gone);
        queue.remove(gone);
        expected = expected.filter(other => other !== gone);
      }
    }
    expected.sort((a, b) => a.atUs - b.atUs || a.sequence - b.sequence);
    const given = [];
    for (let event = queue.first(); event; event = queue.first()) {
      given.push(event);
      queue.remove(event);
    }
    expect(given).toEqual(expected);
  });
});

describe('virtual time', () => {
  it('lets an hour pass at once', async () => {
    const time = new VirtualTime();
    const startedMs = performance.now();
    await time.run(new VirtualClock(time).sleep(3_600_000));
    expect(time.nowMs()).toBe(3_600_000);
    expect(performance.now() - startedMs).toBeLessThan(1000);
  });

  it('moves for every positive wait, so that a loop until a due time ends', async () => {
    const time = new VirtualTime();
    const clock = new VirtualClock(time);
    const loop = async () => {
      let turns = 0;
      for (const dueMs of [0.1 + 0.2, 1 / 3, 12.3456789, 1e6 + 0.1]) {
        while (clock.nowMs() < dueMs) {
          await clock.sleep(dueMs - clock.nowMs());
          turns += 1;
        }
      }
      return turns;
    };
    expect(await time.run(loop())).toBeLessThanOrEqual(8);
  });

  it('lets everything that can run do so before it moves on: promises, ticks and immediates', async () => {
    const time = new VirtualTime();
    const clock = new VirtualClock(time);
    const seen: string[] = [];
    const tell = (words: string) => seen.push(`${words} at ${time.nowMs()}`);
    const chain = (depth: number): void => {
      if (depth === 0) tell('deep immediate');
      else setImmediate(() => process.nextTick(() => void Promise.resolve().then(() => chain(depth - 1))));
    };
    time.after(1, () => chain(50));
    time.after(1.001, () => tell('next event'));
    await time.run(clock.sleep(2));
    expect(seen).toEqual(['deep immediate at 1', 'next event at 1.001']);
  });

  it('stands still while real work is held', async () => {
    const time = new VirtualTime();
    const clock = new VirtualClock(time);
    let heldUntilMs = -1;
    void time.hold(sleepReal(30)).then(() => {
      heldUntilMs = time.nowMs();
    });
    await time.run(clock.sleep(10_000));
    expect(heldUntilMs).toBe(0);
  });

  it('names what is left when nothing can happen any more', async () => {
    const time = new VirtualTime();
    await expect(time.run(new Promise(() => {}), () => ['gateway-1: 3 connections'])).rejects.toThrow(
      'Nothing can happen any more at 0 ms of virtual time, and the run has not ended. Still there: gateway-1: 3 connections',
    );
  });

  it('ends a loop that waits for nothing', async () => {
    const time = new VirtualTime();
    const clock = new VirtualClock(time);
    const spin = async () => {
      for (;;) await clock.sleep(0);
    };
    await expect(time.run(spin())).rejects.toMatchObject({ code: 'VIRTUAL_TIME_STANDS_STILL' });
  });

  it('notices a real socket', async () => {
    const time = new VirtualTime();
    const clock = new VirtualClock(time);
    const server = createServer();
    const open = async () => {
      await time.hold(new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve)));
      for (let turn = 0; turn < 10_000; turn += 1) await clock.sleep(1);
    };
    await expect(time.run(open())).rejects.toMatchObject({ code: 'VIRTUAL_TIME_IS_REAL' });
    server.close();
  });

  it('hands a frozen owner its events later, and a dead one none', async () => {
    const time = new VirtualTime();
    const owner = { name: 'a', state: 'running' as Owner['state'], busyUntilUs: 0 };
    const clock = new VirtualClock(time, owner);
    const seen: string[] = [];
    for (const ms of [10, 20, 30, 60]) clock.after(ms, () => seen.push(`${ms} at ${time.nowMs()}`));
    const cancel = clock.after(25, () => seen.push('cancelled'));
    time.after(15, () => {
      owner.state = 'frozen';
    });
    time.after(40, cancel);
    time.after(50, () => {
      owner.state = 'running';
      time.thaw(owner);
    });
    time.after(55, () => {
      owner.state = 'dead';
      time.forget(owner);
    });
    await time.run(new VirtualClock(time).sleep(100));
    expect(seen).toEqual(['10 at 10', '20 at 50', '30 at 50']);
  });

  it('makes the events of a busy owner wait, in the order in which they are due, for what each of them takes', async () => {
    const time = new VirtualTime();
    const owner = { name: 'a', state: 'running' as Owner['state'], busyUntilUs: 0 };
    const seen: string[] = [];
    const spend = (ms: number) => {
      owner.busyUntilUs = Math.max(owner.busyUntilUs, time.nowUs()) + 1000 * ms;
    };
    const happens = (atMs: number, ms: number) =>
      time.after(
        atMs,
        async () => {
          seen.push(`${atMs} at ${time.nowMs()}`);
          // What happens in its consequence takes time as well.
          for (let turn = 0; turn < 10; turn += 1) await undefined;
          spend(ms);
        },
        owner,
      );
    // Scheduled out of order: an early one that was scheduled late is served first.
    happens(14, 10);
    happens(13, 10);
    happens(10, 10);
    happens(11, 0);
    happens(12, 10);
    const cancel = happens(12.5, 10);
    time.after(15, cancel);
    // Freezing while others wait neither loses nor doubles anything.
    time.after(22, () => {
      owner.state = 'frozen';
    });
    time.after(23, () => {
      owner.state = 'running';
      time.thaw(owner);
      time.thaw(owner);
    });
    await time.run(new VirtualClock(time).sleep(100));
    expect(seen).toEqual(['10 at 10', '11 at 20', '12 at 20', '13 at 30', '14 at 40']);
  });

  it('serves thousands that wait for one owner without moving each of them again and again', async () => {
    const time = new VirtualTime();
    const owner = { name: 'a', state: 'running' as const, busyUntilUs: 0 };
    let served = 0;
    for (let nth = 0; nth < 20_000; nth += 1)
      time.after(
        1,
        () => {
          served += 1;
          owner.busyUntilUs = time.nowUs() + 10;
        },
        owner,
      );
    const before = time.events;
    await time.run(new VirtualClock(time).sleep(1000));
    expect(served).toBe(20_000);
    expect(time.events - before).toBeLessThan(50_000);
  });

  it('hands an exception that nothing catches to the owner of the event that led to it, or ends the run with it', async () => {
    const time = new VirtualTime();
    const crashes: string[] = [];
    const crash = (error: unknown) => crashes.push(`${(error as Error).message} at ${time.nowMs()}`);
    const owner = { name: 'a', state: 'running' as const, busyUntilUs: 0, crash };
    const fail = (words: string) => {
      throw new Error(words);
    };
    time.after(1, () => fail('in the event'), owner);
    time.after(2, () => process.nextTick(() => fail('in a tick')), owner);
    time.after(3, () => setImmediate(() => process.nextTick(() => fail('later'))), owner);
    time.after(
      4,
      () => {
        owner.busyUntilUs = 6000;
      },
      owner,
    );
    time.after(5, () => process.nextTick(() => fail('while others waited')), owner);
    await time.run(new VirtualClock(time).sleep(10));
    expect(crashes).toEqual(['in the event at 1', 'in a tick at 2', 'later at 3', 'while others waited at 6']);
    time.after(1, () => process.nextTick(() => fail('of nobody')));
    await expect(time.run(new VirtualClock(time).sleep(10))).rejects.toThrow('of nobody');
    expect(process.hasUncaughtExceptionCaptureCallback()).toBe(false);
  });

  it('wakes a sleeper that is aborted, and aborts by itself after a timeout', async () => {
    const time = new VirtualTime();
    const clock = new VirtualClock(time);
    const abort = new AbortController();
    time.after(5, () => abort.abort(new Error('enough')));
    await expect(time.run(clock.sleep(1000, abort.signal))).rejects.toThrow('enough');
    expect(time.nowMs()).toBe(5);
    await expect(time.run(clock.sleep(1000, clock.timeout(50)))).rejects.toMatchObject({ name: 'TimeoutError' });
    expect(time.nowMs()).toBe(55);
  });
});
