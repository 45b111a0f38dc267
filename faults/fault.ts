import type { z } from 'zod';
import type { Clock } from '../harness/clock.ts';
import type { Fault, Link, Replica, RunningStack } from '../harness/contracts.ts';

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
  /** The kind's own keys in a scenario file, with units last in their names. */
  readonly parameters: Parameters;
  /** Whether the stack is expected to heal it by itself, so that `for` may be left out. */
  readonly selfHealing: boolean;
  create(parameters: z.output<Parameters>, target: Target, context: FaultContext): Fault;
}

/** A fault that is injected on a link. */
export interface LinkFaultPackage<Parameters extends z.ZodObject = z.ZodObject> extends PackageOf<Link, Parameters> {
  readonly on: 'link';
}

/** A fault that is injected on one replica of a service. */
export interface ReplicaFaultPackage<Parameters extends z.ZodObject = z.ZodObject>
  extends PackageOf<Replica, Parameters> {
  readonly on: 'replica';
}

/**
 * A kind of fault, complete in one file below `faults/`, which exports it as `fault` and is found by being there:
 * inject → see that it bites → heal → see that it healed. Start a new one as a copy of `noop.ts`.
 */
export type FaultPackage = LinkFaultPackage | ReplicaFaultPackage;

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
