import { SquallError } from '../../harness/errors.ts';
import type { RunPlan, SloPlan } from '../../harness/plan.ts';
import { windowNames } from '../../harness/windows.ts';
import { didYouMean } from '../nearest.ts';
import type { JudgeInput } from './judge.ts';
import { parseObjective } from './objective.ts';
import { BadObjective } from './statement.ts';

/**
 * The same run with other SLOs than it was planned with.
 * @param texts see {@link askedSlo}; empty leaves those of the plan
 */
export function withSlos(input: JudgeInput, texts: readonly string[]): JudgeInput {
  if (texts.length === 0) return input;
  const events = input.events.map(event =>
    event.type === 'plan'
      ? { ...event, plan: { ...event.plan, slos: texts.map(text => askedSlo(text, event.plan)) } }
      : event,
  );
  return { ...input, events };
}

/**
 * SLO of one line: an objective, perhaps with `class NAME` as its last argument, perhaps with `in WINDOW` after it, by default the whole load:
 * `p99(ttft, class vip) <= 500 ms in fault:kill`.
 * @throws SquallError `BAD_OBJECTIVE`, and `BAD_SLO` for a window, a class or a fault that the run does not have, and for what it cannot show
 */
export function askedSlo(text: string, plan: RunPlan): SloPlan {
  const name = text.trim();
  const [, statement = name, named] = /^(.*?)(?:\s+in\s+(\S+))?$/s.exec(name) ?? [];
  const [argument = '', of] =
    /\(\s*class\s+([^\s,)]+)\s*\)|,\s*class\s+([^\s,)]+)\s*(?=\))/.exec(statement)?.filter(Boolean) ?? [];
  const { check, objective } = parsed(statement, argument, name);
  const window = check.window?.(objective) ?? named ?? 'whole';
  const fault = check.fault?.(objective);
  const ids = plan.faults.map(({ id }) => id);
  if (fault !== undefined) requireKnown('fault', fault, ids);
  requireKnown('window', window, windowNames(plan));
  if (of !== undefined) requireKnown('class', of, plan.load.clients?.classes.map(one => one.name) ?? []);
  const impossible = check.impossible?.(objective, plan);
  if (impossible)
    throw new SquallError('option', 'BAD_SLO', `Expected \`--slo\` to be ${impossible}, got "${name}"`, { next: NEXT });
  return { name, window, objective: statement.replace(argument, ''), ...(of !== undefined && { class: of }) };
}

const NEXT = 'Correct the objective after `--slo`.';

/** The objective without its argument `class NAME`, for which blanks stand, so that errors name positions in the whole. */
function parsed(statement: string, argument: string, whole: string) {
  try {
    return parseObjective(statement.replace(argument, ' '.repeat(argument.length)));
  } catch (error) {
    throw error instanceof BadObjective ? new BadObjective(whole, error.detail, NEXT) : error;
  }
}

function requireKnown(what: string, found: string, known: readonly string[]): void {
  if (known.includes(found)) return;
  const message = `Expected a ${what} of this run, got "${found}"${didYouMean(found, known)}`;
  const next = known.length > 0 ? `It has ${known.join(', ')}.` : `It has no ${what}.`;
  throw new SquallError('option', 'BAD_SLO', message, { next });
}
