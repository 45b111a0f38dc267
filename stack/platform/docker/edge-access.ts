import { getContainerRuntimeClient } from 'testcontainers';
import type { Topology } from '../../topology.ts';
import type { EdgeAccess } from '../entry-certificate.ts';
import { archiveOf } from './archive.ts';
import { addressesOf, layoutOf } from './layout.ts';
import { fullName } from './plans.ts';

/** What can be done to the edge's container. @param entry where clients enter, `host:port` */
export function edgeAccess(runId: string, topology: Topology, entry: string): EdgeAccess {
  const container = async () => {
    const client = await getContainerRuntimeClient();
    return { client, edge: client.container.getById(fullName(runId, 'edge')) };
  };
  return {
    entry,
    async write(path, text) {
      const plan = topology.replicas.find(({ name }) => name === 'edge')!;
      const { directory } = addressesOf(plan, layoutOf(topology));
      const { client, edge } = await container();
      await client.container.putArchive(edge, archiveOf(directory, { [path]: text }), '/');
    },
    async reload() {
      const { edge } = await container();
      await edge.kill({ signal: 'SIGHUP' });
    },
  };
}
