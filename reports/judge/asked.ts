import { SquallError } from '../../harness/errors.ts';
import type { RunPlan, SloPlan } from '../../harness/plan.ts';
import { windowNames } from '../../harness/windows.ts';
import { didYouMean } from '../nearest.ts';
import type { JudgeInput } from './judge.ts';
import { parseObjective } from './objective.ts';

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
 * @throws SquallError `BAD_OBJECTIVE`, and `BAD_SLO` for a window or a class that the run does not have
 */
export function askedSlo(text: string, plan: RunPlan): SloPlan {
  const [, statement = text, named] = /^(.*?)(?:\s+in\s+(\S+))?\s*$/s.exec(text) ?? [];
  const [, of] = /[(,]\s*class\s+([^\s,)]+)\s*\)/.exec(statement) ?? [];
  const objective = statement.replace(/,\s*class\s+[^\s,)]+\s*\)/, ')').replace(/\(\s*class\s+[^\s,)]+\s*\)/, '');
  const { check, objective: parsed } = parseObjective(objective.trim());
  const window = check.window?.(parsed) ?? named ?? 'whole';
  requireKnown('window', window, windowNames(plan));
  if (of !== undefined) requireKnown('class', of, plan.load.clients?.classes.map(({ name }) => name) ?? []);
  return { name: text.trim(), window, objective: objective.trim(), ...(of !== undefined && { class: of }) };
}

function requireKnown(what: string, found: string, known: readonly string[]): void {
  if (known.includes(found)) return;
  const message = `Expected a ${what} of this run, got "${found}"${didYouMean(found, known)}`;
  const next = known.length > 0 ? `It has ${known.join(', ')}.` : `It has no ${what}.`;
  throw new SquallError('option', 'BAD_SLO', message, { next });
}
