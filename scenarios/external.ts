import { faultPackages } from '../faults/catalog.ts';
import { SquallError } from '../harness/errors.ts';
import { TARGET_LINK } from '../platform/external/platform.ts';
import type { ExternalTarget } from '../platform/external/reach.ts';
import type { ResolvedScenario } from './scenario.ts';

/** A server that Squall did not start, as the person named it. */
export interface External extends ExternalTarget {
  /** What clients send as `Authorization`; empty for none. Never part of a plan. */
  readonly authorization: string;
}

const NOT_OURS = 'is not there: with --target Squall starts nothing but the fault proxy in front of your server';

/**
 * A scenario's faults, aimed at the one link that there is in front of a target: whatever was planned on a `client→…` link.
 * @throws SquallError `NOT_EXTERNAL` for a fault on anything else, naming the field
 */
export function faultsOnTarget(faults: ResolvedScenario['faults']): ResolvedScenario['faults'] {
  return faults.map((fault, index) => {
    const { on } = faultPackages.find(({ kind }) => kind === fault.kind)!;
    if (on !== 'link')
      throw notExternal(`faults[${index}].on`, `"${fault.on}", a ${on} for the fault ${fault.kind}, ${NOT_OURS}`);
    if (!/^client\s*(→|->)/.test(fault.on))
      throw notExternal(`faults[${index}].on`, `"${fault.on}", a link inside the stack, ${NOT_OURS}`);
    return { ...fault, on: TARGET_LINK };
  });
}

/** Whether a fault proxy has to stand in front of a target: where none of the faults acts by one, clients connect straight. */
export function needsFaultProxy(faults: readonly { readonly kind: string }[]): boolean {
  return faults.some(({ kind }) => {
    const found = faultPackages.find(candidate => candidate.kind === kind);
    return found?.on !== 'link' || found.needsProxy !== false;
  });
}

/**
 * Checks that objectives can be judged from outside.
 * @throws SquallError `NOT_EXTERNAL`, naming the field
 */
export function requireOutsideObjectives(slos: ResolvedScenario['slos']): void {
  for (const [index, { objective }] of slos.entries())
    if (objective.check.needsGauges)
      throw new SquallError(
        'scenario',
        'NOT_EXTERNAL',
        `\`slos[${index}].objective\`: "${objective.text}" is about gauges of the stack's replicas, which are not sampled with --target`,
        {
          next: 'Judge what clients see instead (ttft, itl, latency, errors, throughput, recovery), or leave --target out.',
        },
      );
}

/**
 * Refuses to change a stack that is not ours: an override that does nothing would look like one that has no effect.
 * @param paths of `--set`, or of a proof
 * @throws SquallError `NOT_EXTERNAL`
 */
export function requireStackUntouched(paths: readonly string[]): void {
  const path = paths.find(candidate => /^stack(\.|$)/.test(candidate));
  if (path === undefined) return;
  throw new SquallError(
    'option',
    'NOT_EXTERNAL',
    `\`${path}\` changes the stack, and with --target Squall does not start it, so nothing would change`,
    {
      next: 'Change your server by its own means; --set load.model=<name> names the model that requests ask for. A proof that changes the stack needs Squall’s own: leave --target out.',
    },
  );
}

function notExternal(field: string, why: string): SquallError {
  return new SquallError('scenario', 'NOT_EXTERNAL', `\`${field}\`: ${why}`, {
    next: `Put a link fault on ${TARGET_LINK} (any client→… link means it), or leave --target out.`,
  });
}
