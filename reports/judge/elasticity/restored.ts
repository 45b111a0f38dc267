import type { RequestRecord, Requests } from '../../../harness/requests.ts';
import type { Window } from '../../../harness/windows.ts';
import { isSeen, type Mark, type Seen, seenAt, type Unseen } from './mark.ts';
import type { Step } from './steps.ts';

/** How single requests count toward an objective that at most a part of them may miss. */
export interface Tally {
  /** Part of the requests that may miss it, 0–1. */
  readonly allowedRatio: number;
  /** Whether a request misses it; null for one that does not count. */
  readonly isBad: (request: RequestRecord) => boolean | null;
}

/** When the objectives held again after a step, and which of them it broke. */
export interface Restored {
  readonly mark: Mark;
  /** Objectives that it broke, as written. */
  readonly broken: readonly string[];
}

/** An objective of the run that can be followed from request to request. */
export interface Followed {
  readonly text: string;
  readonly window: string;
  readonly class: string | undefined;
  readonly tally: Tally;
}

/** What {@link restoredAfter} looks at. */
export interface RestoredInput {
  readonly records: Requests;
  readonly windows: readonly Window[];
  readonly followed: readonly Followed[];
}

/** Minimum of the successive requests that are judged together, … */
const MIN_REQUESTS = 20;
/** … which is at most this many, whatever part of them may miss the objective. */
const MAX_MIN_REQUESTS = 300;
/** As far as there are so many left, as many are judged together as make room for this many that miss it: chance breaks what holds less easily. */
const ROOM = 10;

/**
 * When the objectives of a run held again after a step, to the end of what is observed of it: those whose window overlaps the step, each
 * over N successive requests by scheduled arrival: as many as make room for ten that miss it (P99: 1000), and towards the end of the step as
 * many as are left, down to room for one (P99: 100; 20 to 300).
 *
 * ```
 * requests  · · × × × · × · · · · · · · ·│ next step
 *                     └──── N ────┘       from here on every N hold
 *           ├─ restored ─┤
 * ```
 *
 * Between the last request that misses it and the next one lies the instant, within these two arrivals. Those that follow this one and
 * miss it by chance do not count, unless they come as close as the objective does not allow. The last N of the step must hold, too:
 * restored is not what the end of the load ended.
 */
export function restoredAfter(step: Step, { records, windows, followed }: RestoredInput): Restored {
  const judging = followed.filter(({ window }) => {
    const found = windows.find(({ name }) => name === window);
    return found && found.fromMs < step.endMs && found.toMs > step.atMs;
  });
  if (judging.length === 0)
    return {
      mark: { why: 'no SLO on a latency, errors or goodput says what is restored', notBeforeMs: null },
      broken: [],
    };
  const inStep = records.filter(({ scheduledMs }) => scheduledMs >= step.atMs && scheduledMs < step.endMs);
  const marks = judging.map(one => ({ text: one.text, ...heldFrom(one, step, inStep) }));
  const broken = marks.filter(({ isBroken }) => isBroken).map(({ text }) => text);
  const unseen = marks.map(({ mark }) => mark).filter((mark): mark is Unseen => !isSeen(mark));
  const last = marks
    .map(({ mark }) => mark)
    .filter(isSeen)
    .reduce(later, seenAt(step.atMs));
  const worst = unseen.toSorted((a, b) => (b.notBeforeMs ?? -1) - (a.notBeforeMs ?? -1))[0];
  if (!worst) return { mark: last, broken };
  const notBeforeMs = worst.notBeforeMs === null ? null : Math.max(worst.notBeforeMs, last.lowerMs);
  return { mark: { ...worst, notBeforeMs }, broken };
}

function later(a: Seen, b: Seen): Seen {
  return {
    atMs: Math.max(a.atMs, b.atMs),
    lowerMs: Math.max(a.lowerMs, b.lowerMs),
    upperMs: Math.max(a.upperMs, b.upperMs),
  };
}

interface Judged {
  readonly atMs: number;
  readonly isBad: boolean;
}

/** When one objective held, from where it has held ever since; at the step itself if it did throughout. @param records those of the step */
function heldFrom(
  { text, tally, class: name }: Followed,
  step: Step,
  records: Requests,
): { readonly mark: Mark; readonly isBroken: boolean } {
  const judged: Judged[] = [];
  records.forEach(record => {
    const isBad = name === undefined || record.class === name ? tally.isBad(record) : null;
    if (isBad !== null) judged.push({ atMs: record.scheduledMs, isBad });
  });
  judged.sort((a, b) => a.atMs - b.atMs);
  const { allowedRatio } = tally;
  const one = allowedRatio > 0 ? Math.ceil(1 / allowedRatio - 1e-9) : MIN_REQUESTS;
  const least = Math.max(MIN_REQUESTS, Math.min(MAX_MIN_REQUESTS, one));
  const most = Math.max(least, ROOM * one);
  if (judged.length < least) {
    const why = `only ${judged.length} requests followed that ${text} judges, and it takes ${least}`;
    return { mark: { why, notBeforeMs: step.atMs }, isBroken: false };
  }
  let bad = 0;
  for (let index = judged.length - 1; index >= 0; index -= 1) {
    bad += judged[index]!.isBad ? 1 : 0;
    if (judged[index + most]?.isBad) bad -= 1;
    const together = Math.min(most, judged.length - index);
    if (together < least || bad <= Math.floor(allowedRatio * together + 1e-9)) continue;
    if (index < judged.length - least) return { mark: afterCluster(judged, index, one), isBroken: true };
    const why = `${text} did not hold again: ${bad} of the last ${together} requests missed it`;
    return { mark: { why, notBeforeMs: judged[index]!.atMs }, isBroken: true };
  }
  return { mark: seenAt(step.atMs), isBroken: false };
}

/** After the last of the requests that miss an objective one after the other, from `first` on, with fewer than `apart` others between two. */
function afterCluster(judged: readonly Judged[], first: number, apart: number): Mark {
  let last = first;
  for (let index = first + 1; index < judged.length && index - last <= apart; index += 1)
    if (judged[index]!.isBad) last = index;
  const atMs = (judged[last + 1] ?? judged[last]!).atMs;
  return seenAt(atMs, judged[last]!.atMs);
}
