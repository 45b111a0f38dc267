import { getContainerRuntimeClient } from 'testcontainers';
import { messageOf, SquallError } from '../../harness/errors.ts';
import { ENTRY_NETWORK } from './layout.ts';
import { fullName, labelsOf } from './plans.ts';

/**
 * Makes the networks of a stack. All but the entry are internal: nothing in them gets out, and nothing gets in but through the fault
 * proxy, which is in every one.
 *
 * @throws SquallError `NO_DOCKER_NETWORK`
 */
export async function makeNetworks(runId: string, names: readonly string[]): Promise<void> {
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
    const message = `The Docker engine could not make ${names.length} networks: ${messageOf(cause)}`;
    throw new SquallError('environment', 'NO_DOCKER_NETWORK', message, {
      cause,
      next: 'Remove networks that nobody uses with `docker network prune`.',
    });
  }
}
