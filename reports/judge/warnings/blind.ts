import type { TimedEvent } from '../../../harness/history.ts';
import { activity } from '../elasticity/replicas.ts';

/** Metrics that an autoscaler never saw, and why it could not decide: without them the run looks like one in which nothing was to be done. */
export function blindness(events: readonly TimedEvent[]): string[] {
  const all = activity(events);
  const never = (all[0]?.decision.unknown ?? []).filter(name =>
    all.every(({ decision }) => decision.unknown?.includes(name)),
  );
  const inactive = all.flatMap(one => one.inactive ?? []);
  const last = inactive.findLast(({ reason }) => reason === 'PolicyFailed') ?? inactive.at(-1);
  const isWorthIt = never.length === 0 && (last?.reason === 'PolicyFailed' || 2 * inactive.length > all.length);
  return [
    ...never.map(
      name =>
        `The autoscaler's metric ${name} had no value in any of ${all.length} decisions: no replica or gateway reports it by that name and with those labels, or it is a rate or a quantile of nothing. Correct its name, or write a rule for it in \`stack.autoscaler.rules\`.`,
    ),
    ...(last && isWorthIt
      ? [`Nothing followed from ${inactive.length} of ${all.length} decisions of the autoscaler: ${last.message}.`]
      : []),
  ];
}
