import { faultPackages } from '../../faults/catalog.ts';
import { SquallError } from '../../harness/errors.ts';
import { TARGET_LINK } from '../../platform/external/platform.ts';
import type { ExternalTarget } from '../../platform/external/reach.ts';
import type { MetricsEndpoint } from '../../stack/observability/endpoint.ts';
import type { ResolvedScenario } from '../scenario.ts';
import type { ApiBase } from './base-url.ts';

/** The target of a run, a server that Squall does not start. */
export interface External extends ExternalTarget {
  /** Where it has its APIs. */
  readonly base: ApiBase;
  /** `Authorization` header of clients; empty for none. Never part of a plan. */
  readonly authorization: string;
  /** Its metrics, which are sampled during a run. @default none */
  readonly metrics?: readonly MetricsEndpoint[];
}

const NOT_OURS = 'does not exist: with --target Squall starts only the fault proxy in front of your server';

/**
 * The faults of a scenario, with every `client→…` link replaced by the only link of a target.
 * @throws SquallError `NOT_EXTERNAL` that names the field, for a fault on anything else
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

/** Whether a target needs the fault proxy: clients connect to it directly unless a fault acts through the proxy. */
export function needsFaultProxy(faults: readonly { readonly kind: string }[]): boolean {
  return faults.some(({ kind }) => {
    const found = faultPackages.find(candidate => candidate.kind === kind);
    return found?.on !== 'link' || found.needsProxy !== false;
  });
}

/**
 * Checks that no objective needs gauges of a target whose metrics are not sampled.
 * @throws SquallError `NOT_EXTERNAL` that names the field
 */
export function requireOutsideObjectives(slos: ResolvedScenario['slos']): void {
  for (const [index, { objective }] of slos.entries())
    if (objective.check.needsGauges)
      throw new SquallError(
        'scenario',
        'NOT_EXTERNAL',
        `\`slos[${index}].objective\`: "${objective.text}" needs gauges, which are not sampled with --target alone`,
        {
          next: 'Name the metrics of your server (--metrics URL or target.metrics), use what clients measure (ttft, itl, latency, errors, throughput, recovery), or leave --target out.',
        },
      );
}

/**
 * Checks that no override changes the stack of a run with a target, where it would do nothing.
 * @param paths of `--set`, or of a proof
 * @throws SquallError `NOT_EXTERNAL`
 */
export function requireStackUntouched(paths: readonly string[]): void {
  const path = paths.find(isOfStack);
  if (path === undefined) return;
  throw new SquallError(
    'option',
    'NOT_EXTERNAL',
    `\`${path}\` changes the stack, which Squall does not start with --target, so it would have no effect`,
    {
      next: 'Configure your server itself (load.model names the model of the requests), or leave --target out, also for a proof that changes the stack.',
    },
  );
}

/** Whether a path of a scenario is of the stack, which a target has none of. */
export function isOfStack(path: string): boolean {
  return /^stack(\.|$)/.test(path);
}

function notExternal(field: string, why: string): SquallError {
  return new SquallError('scenario', 'NOT_EXTERNAL', `\`${field}\`: ${why}`, {
    next: `Put a link fault on ${TARGET_LINK} (any client→… link stands for it), or leave --target out.`,
  });
}
