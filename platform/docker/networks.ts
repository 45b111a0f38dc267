import { getContainerRuntimeClient } from 'testcontainers';
import { messageOf, SquallError } from '../../harness/errors.ts';
import { ENTRY_NETWORK } from './layout.ts';
import { fullName, labelsOf } from './plans.ts';

/**
 * Creates the networks of a stack. All except the entry are internal: no traffic leaves them, or enters except through the fault proxy.
 * @throws SquallError `NO_DOCKER_NETWORK`
 */
export async function createNetworks(runId: string, names: readonly string[]): Promise<void> {
  const client = await getContainerRuntimeClient();
  try {
    await Promise.all(
      names.map(name =>
        client.network.create({
          Name: fullName(runId, name),
          Driver: 'bridge',
          CheckDuplicate: true,
          Internal: name !== ENTRY_NETWORK,
          Labels: labelsOf(runId),
        }),
      ),
    );
  } catch (cause) {
    const message = `The Docker engine could not create ${names.length} networks: ${messageOf(cause)}`;
    throw new SquallError('environment', 'NO_DOCKER_NETWORK', message, {
      cause,
      next: 'Remove unused networks with `docker network prune`.',
    });
  }
}
