import { describe, expect, it } from 'vitest';
import {
  BARREN_EXITS_LIMIT,
  decideRestart,
  type ExitRecord,
  NO_EXITS,
  type RestartDecision,
  STABLE_MS,
} from '../../platform/restart-policy.ts';

const policy = { baseDelayMs: 200, factor: 2, maxDelayMs: 1000 };

/** Exits at `nowMs`, each with the instant at which its process had become ready, in order. */
function decide(exits: readonly { readyAtMs?: number; nowMs: number }[], used: typeof policy | 'off' = policy) {
  let record: ExitRecord = NO_EXITS;
  return exits.map(({ readyAtMs, nowMs }): RestartDecision => {
    const next = decideRestart(used, record, readyAtMs, nowMs);
    record = next.record;
    return next.decision;
  });
}

describe('decideRestart', () => {
  it('waits longer each time, up to the limit', () => {
    const exits = [1, 2, 3, 4, 5, 6].map(n => ({ readyAtMs: n * 1000, nowMs: n * 1000 + 500 }));
    expect(decide(exits).map(d => d.kind === 'restart' && d.afterMs)).toEqual([200, 400, 800, 1000, 1000, 1000]);
  });

  it('starts over once it was stable, and only then', () => {
    const third = (stableMs: number) =>
      decide([
        { readyAtMs: 0, nowMs: 1 },
        { readyAtMs: 300, nowMs: 301 },
        { readyAtMs: 1000, nowMs: 1000 + stableMs },
      ]).at(-1);
    expect(third(STABLE_MS)).toEqual({ kind: 'restart', afterMs: 200 });
    expect(third(STABLE_MS - 1)).toEqual({ kind: 'restart', afterMs: 800 });
  });

  it('gives up after exits in a row without ready; one ready in between starts the count over', () => {
    const barren = (count: number) => Array.from({ length: count }, (_, n) => ({ nowMs: n }));
    expect(decide(barren(BARREN_EXITS_LIMIT)).at(-1)).toEqual({ kind: 'give-up', exits: BARREN_EXITS_LIMIT });
    expect(decide(barren(BARREN_EXITS_LIMIT - 1)).at(-1)!.kind).toBe('restart');
    const interrupted = [
      ...barren(BARREN_EXITS_LIMIT - 1),
      { readyAtMs: 10, nowMs: 11 },
      ...barren(BARREN_EXITS_LIMIT - 1),
    ];
    expect(decide(interrupted).map(d => d.kind)).not.toContain('give-up');
  });

  it('never restarts where it is off', () => {
    expect(decide([{ nowMs: 1 }, { readyAtMs: 2, nowMs: 3 }], 'off').map(d => d.kind)).toEqual([
      'stay-down',
      'stay-down',
    ]);
  });
});
