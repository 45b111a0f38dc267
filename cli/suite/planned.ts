import { formatMs } from '../../harness/quantity.ts';
import { seedText } from '../../reports/render/suite/texts.ts';
import type { PlannedPlace } from '../../scenarios/suite/plan-suite.ts';
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

/** Prints what a suite would run, and what it cannot; of one that is resumed, what is left. @returns the exit code of the suite if all that can run passes */
export function planSaid(opened: PreparedSuite | OpenSuite, { json, jobs, failOnMissing }: PlannedOptions): number {
  const { suite, plan } = opened;
  const due = dueTasks(plan.places, 'journal' in opened ? opened.journal.entries : []);
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
      '',
      ...(due.length > 0 ? plannedTimes(due, jobs) : ['nothing to run']),
    );
  }
  const codes = plan.places.flatMap(({ state }) => {
    if (state === 'missing') return failOnMissing ? [EXIT.environment] : [];
    return state === 'unsupported' ? [] : [state === 'refused' ? EXIT.usage : EXIT.pass];
  });
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
