import { durationMs, formatMs } from '../../../../harness/quantity.ts';
import { checkOf, type Evidence, type Finding, type Objective, undecided, verdictOf } from '../../check.ts';
import { mostWithin, turnsWithin } from '../../elasticity/oscillations.ts';
import { scaleEvents } from '../../elasticity/replicas.ts';

interface OscillationsObjective extends Objective {
  /** Length of the window, in production time. */
  readonly windowMs: number;
}

/** `oscillations(window 10m) <= 1`: changes of the direction of scaling in any time of that length. */
export const check = checkOf<OscillationsObjective>({
  kind: 'oscillations',
  words: ['oscillations'],
  parse(statement) {
    const [, text = ''] = /^window\s+(.*)$/.exec(statement.argument ?? '') ?? [];
    const windowMs = durationMs(text);
    if (!windowMs)
      throw statement.badArgument(statement.argument ?? '', 'a window after oscillations, such as (window 10m)');
    return { windowMs, ...statement.atMost('') };
  },
  judge,
});

/**
 * A turn is a scaling down after one up, or the reverse. It is counted where it happened, so both bounds are the count itself. A window of
 * the run that is shorter than the one asked for can fail, but cannot pass: more may have followed.
 */
function judge(objective: OscillationsObjective, { window, run }: Evidence): Finding {
  const { platform, timeScale } = run.plan;
  if (platform === 'external') return undecided('inconclusive', 'The replicas of a target are not observed.');
  const changes = scaleEvents(run.events);
  const count = mostWithin(turnsWithin(run.events, window.fromMs, window.toMs), objective.windowMs / timeScale);
  const found = { measured: count, lower: count, upper: count, samples: changes.length };
  const verdict = verdictOf(objective, found);
  const observedMs = (window.toMs - window.fromMs) * timeScale;
  const reason = `Scaling turned at most ${count} ${count === 1 ? 'time' : 'times'} within ${formatMs(objective.windowMs)}${timeScale === 1 ? '' : ' of production'}, in ${changes.length} changes`;
  if (verdict === 'pass' && observedMs < objective.windowMs)
    return {
      ...found,
      verdict: 'inconclusive',
      reason: `${reason}, but only ${formatMs(observedMs)} were observed: make the load longer, or the window shorter.`,
    };
  if (verdict === 'pass' && run.plan.stack.autoscaler === 'off' && changes.length === 0)
    return { ...found, verdict: 'inconclusive', reason: 'Nothing scales this stack: `stack.autoscaler` is off.' };
  return { ...found, verdict, reason: `${reason}.` };
}
