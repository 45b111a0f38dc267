import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readHistory, type TimedEvent } from '../../harness/history.ts';
import type { RunDocument } from '../../reports/store/run-document.ts';
import { squall, temporaryFolder } from './squall.ts';

const SCENARIO = join(import.meta.dirname, 'fixtures/spot-small.yaml');

/** @param lateMs by how much timers and programs of the platform may be late */
describe.each([
  ['virtual', 50],
  ['process', 900],
] as const)('a stack with nodes on %s', (platform, lateMs) => {
  const out = temporaryFolder();
  afterAll(() => out[Symbol.dispose]());
  let document: RunDocument;
  let events: TimedEvent[];
  beforeAll(async () => {
    const { code, stdout, stderr } = await squall([
      ...['run', SCENARIO, '--platform', platform, '--out', out.path, '--json'],
    ]);
    expect(code, stderr).toBe(0);
    document = JSON.parse(stdout) as RunDocument;
    events = readHistory(join(out.path, readdirSync(out.path)[0]!, 'events.ndjson'));
  }, 120_000);

  const placements = (replica: string, state: string) =>
    events.filter(event => event.type === 'placement' && event.replica === replica && event.state === state);
  const states = (replica: string, state: string) =>
    events.filter(event => event.type === 'replica' && event.replica === replica && event.state === state);
  const nodes = (node: string, state: string) =>
    events.filter(event => event.type === 'node' && event.node === node && event.state === state);
  const within = ([event]: readonly TimedEvent[], fromMs: number) => {
    expect(event?.atMs).toBeGreaterThanOrEqual(fromMs - 5);
    expect(event?.atMs).toBeLessThan(fromMs + lateMs);
  };

  it('keeps what is asked for beyond its GPUs pending, with the reason, and fails nothing', () => {
    const [scaled] = events.filter(event => event.type === 'scale');
    expect(scaled).toMatchObject({ from: 2, to: 6 });
    for (const replica of ['inference-4', 'inference-5', 'inference-6'])
      expect(placements(replica, 'pending')[0]).toMatchObject({
        reason: 'no node has 1 GPU free, spot has its maximum of 1 node, reserved has its maximum of 1 node',
      });
    expect(states('inference-6', 'starting')).toEqual([]);
    expect(
      events.filter(
        event => event.type === 'replica' && ['failed', 'exited'].includes(event.state) && event.atMs < 12_000,
      ),
    ).toEqual([]);
    expect(document.load).toMatchObject({ failed: 0, dropped: 0 });
  });

  it('gives a replica the place of a less important pod once that has ended, its image has been pulled and it has started', () => {
    const [evicted] = placements('batch-1', 'evicted');
    expect(evicted).toMatchObject({ reason: 'preempted by inference-3, of priority 90 over 10', node: 'reserved-1' });
    const placed = placements('inference-3', 'placed');
    within(placed, evicted!.atMs + 5000 / 40);
    // The image is on that node, where another replica runs.
    within(states('inference-3', 'starting'), placed[0]!.atMs + 2000 / 40);
    const [ready] = states('inference-3', 'ready');
    expect(ready!.atMs - placed[0]!.atMs).toBeGreaterThan((2000 + 120_000) / 40);
    // A program takes a few hundred ms to start, 2 s on a busy machine; a second cold start would take 3 s more.
    expect(ready!.atMs - placed[0]!.atMs).toBeLessThan((2000 + 2 * 120_000) / 40);
  });

  it('drains the replica of a spot node between its notice and its end, and boots another node', () => {
    within(nodes('spot-1', 'notice'), 5000);
    const [evicted] = placements('inference-1', 'evicted');
    within([evicted!], 5000 + 3000 - 2500);
    const [stopped] = states('inference-1', 'stopped');
    expect(stopped).toMatchObject({ detail: 'exit code 0' });
    expect(stopped!.atMs).toBeGreaterThan(evicted!.atMs);
    const [taken] = nodes('spot-1', 'taken');
    expect(stopped!.atMs).toBeLessThan(taken!.atMs);
    within([taken!], 8000);
    within(nodes('spot-2', 'ready'), taken!.atMs + 90_000 / 40);
    // On another node, where the image is missing.
    const [placed] = placements('inference-4', 'placed');
    within(states('inference-4', 'starting'), placed!.atMs + (60_000 + 2000) / 40);
  });

  it('has it in its results', () => {
    const { pools = [], waiting = [] } = document.capacity ?? {};
    expect(pools).toMatchObject([
      { pool: 'spot', spot: true, booted: 1, taken: 1 },
      { pool: 'reserved', spot: false, nodes: 1, booted: 0, taken: 0 },
    ]);
    const [spot, reserved] = pools;
    // 12 s at 180 $/h; spot nodes at 36 $/h are there all the time, but for what timers are late.
    expect(reserved!.dollars).toBeCloseTo(0.6, 6);
    expect(spot!.dollars).toBeGreaterThan(0.12 * (1 - lateMs / 12_000));
    expect(spot!.dollars).toBeLessThanOrEqual(0.12);
    const names = waiting.map(({ replica }) => replica).sort();
    expect(names).toEqual(['batch-1', ...[1, 3, 4, 5, 6].map(nth => `inference-${nth}`)]);
    expect(waiting.find(({ replica }) => replica === 'inference-6')).toMatchObject({ isPending: true, evictions: 0 });
    expect(waiting.find(({ replica }) => replica === 'inference-1')).toMatchObject({ evictions: 1 });
  });
});
