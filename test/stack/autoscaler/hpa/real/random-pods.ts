import type { Random } from '../../../../../harness/random.ts';
import { CASE_MS, type PodLife, type PodState, type Script } from './script.ts';

const READY: PodState = { phase: 'Running', hasStart: true, ready: 'True' };
const UNREADY: PodState = { ...READY, ready: 'False' };
const PENDING: PodState = { phase: 'Pending', hasStart: false, ready: null };

/** What becomes of each pod. @param oddPods ratio of those that do not simply become ready @param initial pods that are there before the case */
export function livesOf(random: Random, oddPods: number, initial: number): Script['life'] {
  return ordinal => {
    const own = random.stream(String(ordinal));
    const isOdd = own.next() < oddPods;
    const isNew = ordinal >= initial;
    return isNew ? newLife(own, isOdd) : oldLife(own, isOdd);
  };
}

function oldLife(random: Random, isOdd: boolean): PodLife {
  if (!isOdd) return { ageSeconds: 3600, readyAfterSeconds: 10, states: [{ afterMs: 0, state: READY }] };
  const first = random.pick<PodState>([
    ...[READY, UNREADY, UNREADY, PENDING],
    { ...READY, ready: null },
    { ...READY, hasStart: false },
    { ...READY, ready: 'Unknown' },
    { ...READY, phase: 'Succeeded' },
    { ...UNREADY, phase: 'Failed' },
    { ...READY, phase: 'Pending' },
  ]);
  const later =
    random.next() < 0.5
      ? [{ afterMs: random.integer(2, CASE_MS / 1000) * 1000, state: random.pick([READY, UNREADY]) }]
      : [];
  return {
    ageSeconds: random.pick([2, 5, 11, 25, 31, 59, 61, 299, 301, 3600]),
    readyAfterSeconds: random.pick([1, 2, 4, 6, 29, 30, 31, 100]),
    states: [{ afterMs: 0, state: first }, ...later],
  };
}

function newLife(random: Random, isOdd: boolean): PodLife {
  const pendingMs = random.pick([0, 0, 800, 2500]);
  const readyMs = pendingMs + random.pick([300, 1200, 3000, 6000]);
  const states = [
    { afterMs: pendingMs, state: UNREADY },
    { afterMs: readyMs, state: READY },
  ];
  const odd = random.pick<PodLife['states']>([
    [],
    states.slice(0, 1),
    [...states, { afterMs: readyMs + 2500, state: UNREADY }],
    [...states, { afterMs: readyMs + 2500, state: UNREADY }, { afterMs: readyMs + 4500, state: READY }],
    [...states, { afterMs: readyMs + 2000, state: { ...READY, ready: 'Unknown' } }],
    [...states, { afterMs: readyMs + 3000, state: { ...UNREADY, phase: 'Failed' } }],
  ]);
  return { ageSeconds: 0, readyAfterSeconds: 0, states: isOdd ? odd : states };
}
