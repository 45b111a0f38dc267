import { createLogUpdate } from 'log-update';
import { formatSpan } from '../../harness/quantity.ts';
import { MARKS } from '../../reports/render/cells.ts';
import { textLines } from '../../reports/render/rows.ts';
import { STATE_WORDS, seedText, skippedOf } from '../../reports/render/suite/texts.ts';
import type { SuiteCell } from '../../reports/store/suite-document.ts';
import type { SuiteEntry } from '../../scenarios/suite/journal.ts';
import type { PlannedPlace } from '../../scenarios/suite/plan-suite.ts';
import type { SuiteProgress, SuiteTask } from '../../scenarios/suite/run-suite.ts';
import { counted, paint, say, shown } from '../terminal.ts';

/** A progress display; disposing clears the live part. */
export interface SuiteDisplay extends Disposable {
  /** @param ended the run that has just ended, if one has */
  show(progress: SuiteProgress, ended?: SuiteEntry): void;
}

const LIVE_INTERVAL_MS = 500;
/** Lines of a terminal that the table leaves to others. */
const OTHER_LINES = 4;
const DEFAULT_LINES = 24;

/** Real time of a run in ms before any has ended: a part of its length, and what a start and an end take. */
const GUESS = { virtual: { ratio: 0.1, fixedMs: 1000 }, real: { ratio: 1, fixedMs: 15_000 } } as const;

/**
 * Shows how a suite stands: on a terminal a table that fills, otherwise one line a run.
 * @param jobs runs at once in virtual time
 */
export function startSuiteProgress(
  stream: NodeJS.WriteStream,
  places: readonly PlannedPlace[],
  jobs: number,
): SuiteDisplay {
  const live = Boolean(stream.isTTY) && !process.env.CI;
  const update = live ? createLogUpdate(stream) : undefined;
  let last: SuiteProgress | undefined;
  const draw = () => {
    if (!last) return;
    const room = (stream.rows ?? DEFAULT_LINES) - OTHER_LINES;
    update?.([...matrixLines(last, room), '', statusLine(last, jobs)].map(shown).join('\n'));
  };
  for (const line of skippedLines(places)) say(stream, paint('dim', line));
  const timer = update && setInterval(draw, LIVE_INTERVAL_MS);
  return {
    show(progress, ended) {
      last = progress;
      if (update) draw();
      else if (ended) say(stream, `${paint('dim', statusLine(progress, jobs))}  ${entryText(ended, places)}`);
    },
    [Symbol.dispose]() {
      clearInterval(timer);
      update?.clear();
      update?.done();
    },
  };
}

/** What cannot run, and why: a line a platform and reason. */
export function skippedLines(places: readonly PlannedPlace[]): string[] {
  const refused = places.flatMap(({ scenario, platform, state, sentence }) =>
    state === 'refused' ? [`${scenario} on ${platform}: refused. ${sentence}`] : [],
  );
  const untried = places.flatMap(({ scenario, platform, untried }) =>
    untried.map(
      without => `${scenario} on ${platform} without ${without}: not tried, since it is a part of Squall's own stack.`,
    ),
  );
  return [
    ...new Set(refused),
    ...new Set(untried),
    ...skippedOf(places).map(
      ({ platform, state, sentence, scenarios }) =>
        `${scenarios.join(', ')} on ${platform}: ${STATE_WORDS[state]}. ${sentence}`,
    ),
  ];
}

/** `12 of 80, 45 s, about 3 min left`. */
export function statusLine(progress: SuiteProgress, jobs: number): string {
  const { due, wallMs } = progress;
  const done = progress.cells.reduce(
    (sum, { state, proofs }) =>
      sum +
      (state === 'ended' || state === 'damaged' ? 1 : 0) +
      proofs.filter(({ outcome }) => outcome !== 'not-run').length,
    0,
  );
  const left = due.length === 0 ? [] : [`about ${formatSpan(timeLeftMs(progress, jobs))} left`];
  return [`${done} of ${done + due.length}`, formatSpan(wallMs), ...left].join(', ');
}

/** Time until all that may still come has ended, in ms, as far as those that ended tell how long such runs take. */
export function timeLeftMs({ due, ended }: Pick<SuiteProgress, 'due' | 'ended'>, jobs: number): number {
  const kinds = [
    { isOwn: ({ place }: SuiteTask) => place.platform === 'virtual', guess: GUESS.virtual, jobs },
    { isOwn: ({ place }: SuiteTask) => place.platform !== 'virtual', guess: GUESS.real, jobs: 1 },
  ];
  return kinds.reduce((sum, { isOwn, guess, jobs }) => {
    const expectedMs = ({ place }: SuiteTask) => guess.fixedMs + guess.ratio * place.lengthMs;
    const own = ended.filter(({ task }) => isOwn(task));
    const tookMs = own.reduce((all, { wallMs }) => all + wallMs, 0);
    const foreseenMs = own.reduce((all, { task }) => all + expectedMs(task), 0);
    const factor = foreseenMs === 0 ? 1 : tookMs / foreseenMs;
    return sum + (factor * due.filter(isOwn).reduce((all, task) => all + expectedMs(task), 0)) / jobs;
  }, 0);
}

/** How many runs and proofs are due in simulated time and in real time, and how long they take at about. */
export function plannedTimes(due: readonly SuiteTask[], jobs: number): string[] {
  const kinds = [
    ['in simulated time', jobs === 1 ? 'one after the other' : `${jobs} side by side`, true],
    ['in real time', 'one after the other', false],
  ] as const;
  return kinds.flatMap(([kind, how, isVirtual]) => {
    const own = due.filter(({ place }) => (place.platform === 'virtual') === isVirtual);
    if (own.length === 0) return [];
    const runs = own.filter(({ without }) => without === null).length;
    const time = formatSpan(timeLeftMs({ due: own, ended: [] }, jobs));
    return [`${counted(runs, 'run')} and ${counted(own.length - runs, 'proof')} ${kind}, ${how}: about ${time}`];
  });
}

const COLOURS = { pass: 'green', fail: 'red', inconclusive: 'yellow', invalid: 'red' } as const;

function entryText({ run, proof, without, ...place }: SuiteEntry, places: readonly PlannedPlace[]): string {
  const where = `${place.scenario} on ${place.platform}, seed ${seedText(place)}`;
  if (proof) {
    const found = places.find(({ scenario, platform }) => scenario === place.scenario && platform === place.platform);
    const name = found?.proofs[without!]?.without;
    const isFine = proof.outcome === 'holds';
    return `${where}, without ${name}: ${paint(isFine ? 'green' : 'red', isFine ? 'holds' : proof.sentence)}`;
  }
  const why = run.verdict === 'pass' ? '' : `  ${run.reasons[0] ?? ''}`;
  return `${where}: ${paint(COLOURS[run.verdict], run.verdict)}${why}`;
}

/** The verdicts so far: a row a scenario, a column a platform, a mark a run; rows that have not ended first, if not all find room. */
function matrixLines({ cells, running }: SuiteProgress, room: number): string[] {
  const platforms = [...new Set(cells.map(({ platform }) => platform))];
  const names = [...new Set(cells.map(({ scenario }) => scenario))];
  const isRunning = (cell: SuiteCell) =>
    running.some(
      ({ place }) =>
        place.scenario === cell.scenario &&
        place.platform === cell.platform &&
        place.seed === cell.seed &&
        place.repeat === cell.repeat,
    );
  const of = (name: string, platform?: string) =>
    cells.filter(cell => cell.scenario === name && (platform === undefined || cell.platform === platform));
  const isOpen = (name: string) => of(name).some(cell => cell.state === 'not-run' || isRunning(cell));
  const visible = names.length <= room ? names : names.filter(isOpen).slice(0, room - 1);
  const lines = textLines([
    ['', ...platforms],
    ...visible.map(name => [
      name,
      ...platforms.map(platform =>
        of(name, platform)
          .map(cell => markOf(cell, isRunning(cell)))
          .join(''),
      ),
    ]),
  ]);
  const hidden = names.length - visible.length;
  return hidden > 0 ? [...lines, paint('dim', `and ${hidden} more`)] : lines;
}

function markOf({ state, run, proofs }: SuiteCell, isRunning: boolean): string {
  if (isRunning) return '▸';
  if (state === 'not-run') return '·';
  if (state !== 'ended') return '–';
  const isBroken = proofs.some(({ outcome }) => outcome !== 'holds' && outcome !== 'not-run');
  return isBroken ? MARKS.fail : MARKS[run!.verdict];
}
