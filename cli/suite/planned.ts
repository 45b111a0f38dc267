import { formatMs } from '../../harness/quantity.ts';
import { seedText } from '../../reports/render/suite/texts.ts';
import type { PlannedPlace } from '../../scenarios/suite/plan-suite.ts';
import { damageOf } from '../../scenarios/suite/run-one.ts';
import { dueTasks, type SuiteTask } from '../../scenarios/suite/run-suite.ts';
import { EXIT, worstExit } from '../exit.ts';
import { paint, printJson, say } from '../terminal.ts';
import type { OpenSuite, PreparedSuite } from './open.ts';
import { plannedTimes, skippedLines } from './progress.ts';

interface PlannedOptions {
  readonly jobs: number;
  readonly json?: boolean;
  readonly failOnMissing?: boolean;
}

const NOTHING_YET = { folder: '', entries: [] };

/** Prints what a suite would run, and what it cannot; of one that is resumed, what is left, and what was damaged. @returns the exit code of the suite if all that is left passes */
export function planSaid(opened: PreparedSuite | OpenSuite, { json, jobs, failOnMissing }: PlannedOptions): number {
  const { suite, plan } = opened;
  const { folder, entries } = 'journal' in opened ? { folder: opened.folder, ...opened.journal } : NOTHING_YET;
  const due = dueTasks(plan.places, entries);
  const damages = entries.flatMap(({ run }) => damageOf(folder, run) ?? []);
  if (json) {
    const isDue = (place: PlannedPlace) => place.state !== 'ready' || due.some(task => task.place === place);
    printJson(plan.places.filter(isDue).map(({ found: _, ...place }) => place));
  } else {
    const cannot = skippedLines(plan.places);
    say(
      process.stdout,
      `${paint('bold', suite.name)}  ${suite.why}`,
      '',
      ...dueLines(due),
      ...(cannot.length > 0 ? ['', paint('bold', 'Cannot run'), ...cannot] : []),
      ...(damages.length > 0 ? ['', paint('bold', 'Damaged since'), ...damages] : []),
      '',
      ...(due.length > 0 ? plannedTimes(due, jobs) : ['nothing to run']),
    );
  }
  const codes: number[] = plan.places.flatMap(({ state }) => {
    if (state === 'missing') return failOnMissing ? [EXIT.environment] : [];
    return state === 'unsupported' ? [] : [state === 'refused' ? EXIT.usage : EXIT.pass];
  });
  if (damages.length > 0) codes.push(EXIT.environment);
  codes.push(...entries.flatMap(({ without, run }) => (without === null ? [run.exitCode] : [])));
  return codes.length === 0 ? EXIT.inconclusive : worstExit(codes);
}

/** A line a place. */
function dueLines(due: readonly SuiteTask[]): string[] {
  return [...Map.groupBy(due, ({ place }) => place)].map(
    ([{ scenario, platform, seed, repeat, lengthMs, proofs }, own]) => {
      const without = own.flatMap(({ without: index }) => (index === null ? [] : [proofs[index]!.without])).join('; ');
      const isRun = own.some(({ without: index }) => index === null);
      const what = isRun ? `${formatMs(lengthMs)}${without && `, and without ${without}`}` : `without ${without}`;
      return `${scenario} on ${platform}, seed ${seedText({ seed, repeat })}: ${what}`;
    },
  );
}
