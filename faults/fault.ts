import type { z } from 'zod';
import type { Clock } from '../harness/clock.ts';
import type { Fault, Link, Replica, RunningStack } from '../harness/contracts.ts';
import type { PlatformKind } from '../harness/plan.ts';
import type { Boundary, Zone } from './zones.ts';

/** What every fault gets beside its parameters. */
export interface FaultContext {
  readonly stack: RunningStack;
  readonly clock: Clock;
  /** Planned duration in ms; null when the stack is expected to recover by itself. */
  readonly forMs: number | null;
}

interface Targets {
  readonly link: Link;
  readonly replica: Replica;
  /** All of a zone. */
  readonly zone: Zone;
  /** Whatever lies between two zones, or around one. */
  readonly boundary: Boundary;
}

/** A kind of fault of one kind of target. */
export interface PackageOn<On extends keyof Targets, Parameters extends z.ZodObject = z.ZodObject> {
  readonly on: On;
  /** Name in scenario files. */
  readonly kind: string;
  /** One sentence for `squall list --faults` and the documentation. */
  readonly summary: string;
  /** The kind's own keys, checked when the scenario is read; `latencyMs` here is `latency: 400ms` there. */
  readonly parameters: Parameters;
  /** Whether the stack is expected to recover by itself, so that `for` is optional. */
  readonly selfHealing: boolean;
  /** Where it is supported; checked before anything starts. @default every platform */
  readonly platforms?: readonly PlatformKind[];
  /** Whether it needs the fault proxy of its link. @default true for a link */
  readonly needsProxy?: boolean;
  create(parameters: z.output<Parameters>, target: Targets[On], context: FaultContext): Fault;
}

/**
 * A kind of fault, complete in one file below `faults/`, which exports it as `fault` and is found by being there:
 * inject → verify the effect → heal → verify the recovery. Start a new one as a copy of `noop.ts`.
 */
export type FaultPackage = { [On in keyof Targets]: PackageOn<On> }[keyof Targets];

function faultOn<On extends keyof Targets>(on: On) {
  return <Parameters extends z.ZodObject>(fault: Omit<PackageOn<On, Parameters>, 'on'>) =>
    ({ ...fault, on }) as unknown as PackageOn<On>;
}

/** Types a link fault's parameters from its schema. */
export const linkFault = faultOn('link');
/** Types a replica fault's parameters from its schema. */
export const replicaFault = faultOn('replica');
/** Types a zone fault's parameters from its schema. */
export const zoneFault = faultOn('zone');
/** Types a boundary fault's parameters from its schema. */
export const boundaryFault = faultOn('boundary');
