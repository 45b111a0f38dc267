import { getContainerRuntimeClient } from 'testcontainers';
import type { Topology } from '../../stack/topology.ts';
import type { EdgeAccess } from '../entry-certificate.ts';
import { archiveOf } from './archive.ts';
import { addressesInside, type Layout } from './layout.ts';
import { fullName } from './plans.ts';

/** What can be done to the edge's container. */
export function edgeAccess(runId: string, topology: Topology, layout: Layout): EdgeAccess {
  const container = async () => {
    const client = await getContainerRuntimeClient();
    return { client, edge: client.container.getById(fullName(runId, 'edge')) };
  };
  return {
    async write(path, text) {
      const plan = topology.replicas.find(({ name }) => name === 'edge')!;
      const { directory } = addressesInside(plan, layout);
      const { client, edge } = await container();
      await client.container.putArchive(edge, archiveOf(directory, { [path]: text }), '/');
    },
    async reload() {
      const { edge } = await container();
      await edge.kill({ signal: 'SIGHUP' });
    },
  };
}
