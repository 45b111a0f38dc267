import type { Replica, ReplicaContainer } from '../../harness/contracts.ts';
import { SquallError } from '../../harness/errors.ts';

/** The container of a replica. @throws SquallError `NOT_A_CONTAINER` */
export function containerOf({ name, container }: Replica): ReplicaContainer {
  if (container) return container;
  throw new SquallError('fault', 'NOT_A_CONTAINER', `Expected ${name} to be a container, got a process`, {
    next: 'Run the scenario with `--platform docker`.',
  });
}
