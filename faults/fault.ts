import type { z } from 'zod';
import type { Clock } from '../harness/clock.ts';
import type { Fault, Link, Replica, RunningStack } from '../harness/contracts.ts';
import type { PlatformKind } from '../harness/plan.ts';
import type { Boundary, Zone } from './zones.ts';

/** What every fault is handed beside its own parameters. */
export interface FaultContext {
  readonly stack: RunningStack;
  readonly clock: Clock;
  /** How long it is planned to last; null when the stack is to heal by itself. */
  readonly forMs: number | null;
}

interface PackageOf<Target, Parameters extends z.ZodObject> {
  /** The word that scenario files use. */
  readonly kind: string;
  /** One sentence for `squall list --faults` and the documentation. */
  readonly summary: string;
  /** The kind's own keys, checked where the scenario is read; `latencyMs` here is `latency: 400ms` there. */
  readonly parameters: Parameters;
  /** Whether the stack is expected to heal it by itself, so that `for` may be left out. */
  readonly selfHealing: boolean;
  /** Where it can be done, if not everywhere; a scenario is told before anything starts. @default every platform */
  readonly platforms?: readonly PlatformKind[];
  create(parameters: z.output<Parameters>, target: Target, context: FaultContext): Fault;
}

/** A fault that is injected on a link. */
export interface LinkFaultPackage<Parameters extends z.ZodObject = z.ZodObject> extends PackageOf<Link, Parameters> {
  readonly on: 'link';
  /** Whether it acts by the fault proxy of its link. @default true */
  readonly needsProxy?: boolean;
}

/** A fault that is injected on one replica of a service. */
export interface ReplicaFaultPackage<Parameters extends z.ZodObject = z.ZodObject>
  extends PackageOf<Replica, Parameters> {
  readonly on: 'replica';
}

/** A fault that is injected on all of a zone. */
export interface ZoneFaultPackage<Parameters extends z.ZodObject = z.ZodObject> extends PackageOf<Zone, Parameters> {
  readonly on: 'zone';
}

/** A fault that is injected on what lies between two zones, or around one. */
export interface BoundaryFaultPackage<Parameters extends z.ZodObject = z.ZodObject>
  extends PackageOf<Boundary, Parameters> {
  readonly on: 'boundary';
}

/**
 * A kind of fault, complete in one file below `faults/`, which exports it as `fault` and is found by being there:
 * inject → see that it bites → heal → see that it healed. Start a new one as a copy of `noop.ts`.
 */
export type FaultPackage = LinkFaultPackage | ReplicaFaultPackage | ZoneFaultPackage | BoundaryFaultPackage;

/** Types a link fault's parameters from its schema. */
export function linkFault<Parameters extends z.ZodObject>(
  fault: Omit<LinkFaultPackage<Parameters>, 'on'>,
): FaultPackage {
  return { ...fault, on: 'link' } as unknown as FaultPackage;
}

/** Types a replica fault's parameters from its schema. */
export function replicaFault<Parameters extends z.ZodObject>(
  fault: Omit<ReplicaFaultPackage<Parameters>, 'on'>,
): FaultPackage {
  return { ...fault, on: 'replica' } as unknown as FaultPackage;
}

/** Types a zone fault's parameters from its schema. */
export function zoneFault<Parameters extends z.ZodObject>(
  fault: Omit<ZoneFaultPackage<Parameters>, 'on'>,
): FaultPackage {
  return { ...fault, on: 'zone' } as unknown as FaultPackage;
}

/** Types a boundary fault's parameters from its schema. */
export function boundaryFault<Parameters extends z.ZodObject>(
  fault: Omit<BoundaryFaultPackage<Parameters>, 'on'>,
): FaultPackage {
  return { ...fault, on: 'boundary' } as unknown as FaultPackage;
}
