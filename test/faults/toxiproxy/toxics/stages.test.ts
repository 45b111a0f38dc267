import { describe, expect, it } from 'vitest';
import { findToxicKind } from '../../../../faults/toxiproxy/toxics/registry.ts';
import type { ToxicAttributes } from '../../../../faults/toxiproxy/toxics/toxic.ts';
import { seededRandom } from '../../../../harness/random.ts';
import { FakeClock } from '../../../fake-clock.ts';

/** A stage under a clock that stands still, and a log of what came out of it, each with its instant. */
function start(type: string, attributes: ToxicAttributes, seed = 1) {
  const clock = new FakeClock();
  const log: string[] = [];
  const note = (what: string) => log.push(`${Math.round(clock.nowMs())} ${what}`);
  let passed = 0;
  const stage = findToxicKind(type)!.start(attributes, {
    clock,
    random: seededRandom(seed),
    push: chunk => {
      passed += chunk.byteLength;
      note(`push ${chunk.byteLength}`);
    },
    passedBytes: () => passed,
    end: () => note('end'),
    close: () => note('close'),
    reset: () => note('reset'),
  });
  return { clock, stage, log };
}
const bytes = (count: number) => Buffer.alloc(count);

describe('toxic stages under a fake clock', () => {
  it('latency: every chunk leaves exactly its delay later, in order, the end behind the last', async () => {
    const { clock, stage, log } = start('latency', { latency: 100, jitter: 0 });
    stage.push(bytes(1));
    await clock.advance(30);
    stage.push(bytes(2));
    stage.end();
    await clock.advance(69);
    expect(log).toEqual([]);
    await clock.advance(100);
    expect(log).toEqual(['100 push 1', '130 push 2', '130 end']);
  });

  it('latency: jitter stays within its range, keeps the order, and repeats with the seed', async () => {
    const run = async (seed: number) => {
      const { clock, stage, log } = start('latency', { latency: 100, jitter: 50 }, seed);
      for (let i = 1; i <= 50; i += 1) stage.push(bytes(i));
      await clock.advance(200);
      return log;
    };
    const log = await run(7);
    expect(log.map(line => Number(line.split(' ').at(-1)))).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    // In order, each chunk leaves with the slowest before it: within 50…150 ms.
    const times = log.map(line => Number.parseInt(line, 10));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times[0]).toBeGreaterThanOrEqual(50);
    expect(times.at(-1)).toBeLessThanOrEqual(151);
    expect(await run(7)).toEqual(log);
    expect(await run(8)).not.toEqual(log);
  });

  it('latency: is full at 4 MiB and again open once that has left', async () => {
    const { clock, stage } = start('latency', { latency: 10, jitter: 0 });
    stage.push(bytes(4 * 1024 * 1024 - 1));
    expect(stage.isFull()).toBe(false);
    stage.push(bytes(1));
    expect(stage.isFull()).toBe(true);
    await clock.advance(10);
    expect(stage.isFull()).toBe(false);
  });

  it('bandwidth: pieces of 100 ms leave at the rate, whatever the chunk', async () => {
    const { clock, stage, log } = start('bandwidth', { rate: 10 });
    stage.push(bytes(2500));
    await clock.advance(1000);
    // 10 KB/s are 10 bytes a ms: 1,000 bytes at 100 and 200 ms, the last 500 at 250 ms.
    expect(log).toEqual(['100 push 1000', '200 push 1000', '250 push 500']);
  });

  it('bandwidth: an idle line saves up nothing', async () => {
    const { clock, stage, log } = start('bandwidth', { rate: 10 });
    await clock.advance(5000);
    stage.push(bytes(1000));
    await clock.advance(1000);
    expect(log).toEqual(['5100 push 1000']);
  });

  it('timeout: the time starts anew with each chunk, and no chunk gets through', async () => {
    const { clock, stage, log } = start('timeout', { timeout: 100 });
    await clock.advance(60);
    stage.push(bytes(1));
    await clock.advance(99);
    expect(log).toEqual([]);
    await clock.advance(1);
    expect(log).toEqual(['160 close']);
  });

  it('reset_peer: waits for the first chunk, then for its time', async () => {
    const { clock, stage, log } = start('reset_peer', { timeout: 100 });
    await clock.advance(500);
    stage.push(bytes(1));
    stage.push(bytes(1));
    await clock.advance(500);
    expect(log).toEqual(['600 reset']);
  });

  it('slow_close: data passes at once, the end after its delay', async () => {
    const { clock, stage, log } = start('slow_close', { delay: 100 });
    stage.push(bytes(5));
    await clock.advance(50);
    stage.end();
    await clock.advance(99);
    expect(log).toEqual(['0 push 5']);
    await clock.advance(1);
    expect(log).toEqual(['0 push 5', '150 end']);
  });

  it('limit_data: lets exactly its bytes through, then closes, and takes no more', async () => {
    const { stage, log } = start('limit_data', { bytes: 7 });
    for (const count of [3, 3, 3, 3]) stage.push(bytes(count));
    stage.end();
    expect(log).toEqual(['0 push 3', '0 push 3', '0 push 1', '0 close']);
    expect(stage.isFull()).toBe(true);
  });

  it.each([
    ['of 0 closes at the first chunk', 0, ['0 close']],
    ['that is not reached passes the end', 6, ['0 push 5', '0 end']],
    ['that is just reached closes', 5, ['0 push 5', '0 close']],
  ])('limit_data: a limit %s', (_, limit, expected) => {
    const { stage, log } = start('limit_data', { bytes: limit });
    stage.push(bytes(5));
    stage.end();
    expect(log).toEqual(expected);
  });

  it('slicer: pieces leave in order, one delay apart, and the next chunk no sooner', async () => {
    const { clock, stage, log } = start('slicer', { average_size: 25, size_variation: 0, delay: 10_000 });
    stage.push(bytes(100));
    expect(stage.isFull()).toBe(true);
    await clock.advance(30);
    expect(log).toEqual(['0 push 25', '10 push 25', '20 push 25', '30 push 25']);
    expect(stage.isFull()).toBe(false);
    stage.push(bytes(10));
    stage.end();
    await clock.advance(20);
    expect(log.slice(4)).toEqual(['40 push 10', '50 end']);
  });

  it('slicer: many pieces with less than a millisecond between them take as long as all delays together', async () => {
    const { clock, stage, log } = start('slicer', { average_size: 1, size_variation: 0, delay: 50 });
    stage.push(bytes(1000));
    await clock.advance(49);
    expect(log.length).toBeGreaterThan(900);
    expect(log.length).toBeLessThan(1000);
    await clock.advance(1);
    expect(log.length).toBe(1000);
  });

  it.each([
    // The shorter half of 97 bytes, moved by 32.
    [64, 32, 16, 96],
    [1000, 0, 500, 1000],
    [1, 0, 1, 1],
    // Sizes that crash Toxiproxy 2.12.
    [0, 0, 1, 1],
    [10, 100, 1, 110],
    [-5, -5, 1, 1],
  ])(
    'slicer: %i ± %i bytes are pieces of %i to %i, whose bytes are those of the chunk',
    (size, variation, min, max) => {
      const out: Uint8Array[] = [];
      const context = {
        clock: new FakeClock(),
        random: seededRandom(1),
        push: (chunk: Uint8Array) => void out.push(chunk),
      };
      const stage = findToxicKind('slicer')!.start({ average_size: size, size_variation: variation }, context as never);
      const chunk = Uint8Array.from({ length: 10_000 }, (_, index) => index % 251);
      stage.push(chunk);
      stage.stop('removed');
      const sizes = out.map(piece => piece.byteLength);
      expect(Math.min(...sizes)).toBeGreaterThanOrEqual(min);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(max);
      expect(Buffer.concat(out).equals(chunk)).toBe(true);
    },
  );

  it.each([
    ['noop', {}, ['0 push 5', '0 end']],
    ['slow_close', { delay: 100 }, ['0 push 5', '0 end']],
    ['slicer', { average_size: 2, size_variation: 0, delay: 5000 }, ['0 push 2', '0 push 1', '0 push 2', '0 end']],
    ['limit_data', { bytes: 6 }, ['0 push 5', '0 end']],
    ['latency', { latency: 100, jitter: 0 }, ['0 push 5', '0 end']],
    ['bandwidth', { rate: 1 }, ['0 push 5', '0 end']],
    ['timeout', { timeout: 0 }, ['0 end', '0 close']],
    ['reset_peer', { timeout: 100 }, ['0 reset']],
  ])('%s: removed, it hands on what it may and leaves no timer', async (type, attributes, expected) => {
    const { clock, stage, log } = start(type, attributes);
    stage.push(bytes(5));
    stage.end();
    stage.stop('removed');
    await clock.advance(10_000);
    expect(log).toEqual(expected);
  });

  it.each(['latency', 'bandwidth', 'timeout', 'reset_peer', 'slow_close', 'slicer'])(
    '%s: is silent after the connection closed',
    async type => {
      const attributes = { latency: 10, jitter: 0, rate: 1, timeout: 10, delay: 10, average_size: 1 };
      const { clock, stage, log } = start(type, attributes);
      stage.push(bytes(5));
      stage.end();
      const before = [...log];
      stage.stop('closed');
      await clock.advance(10_000);
      expect(log).toEqual(before);
    },
  );
});
