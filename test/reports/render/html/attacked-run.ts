import type { RenderInput } from '../../../../reports/store/run-document.ts';
import { changed, passingRun } from './fixture.ts';

/** Run with two attacks: one of 15 s that opens connections, loses and regains them, and a flood of an hour in as many points as are kept. */
export function attackedRun(): RenderInput {
  const run = passingRun();
  const [slow] = run.document.faults;
  const attack = Array.from({ length: 17 }, (_, second) => ({
    atMs: second === 16 ? 15_012 : second * 1000 + 4,
    open: second === 9 ? 12 : Math.min(480, second * 80),
    closed: second < 9 ? 0 : 468,
    rejected: Math.max(0, second - 10) * 31,
    served: 0,
  }));
  const flood = Array.from({ length: 120 }, (_, index) => ({
    atMs: index * 30_000 + 29_003,
    open: 10,
    closed: 0,
    rejected: index * 1200,
    served: index * 17_345,
  }));
  const faults = [
    { ...slow!, id: 'slow-headers', kind: 'slow-headers', target: 'client→gateway-1', attack },
    { ...slow!, id: 'flood', kind: 'connection-flood', target: 'client→gateway-1', attack: flood },
  ];
  return changed(run, { faults });
}
