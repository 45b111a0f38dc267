import { getContainerRuntimeClient } from 'testcontainers';
import type { EdgeAccess } from '../entry-certificate.ts';
import { archiveOf, below } from './archive.ts';
import { FILES } from './layout.ts';
import { fullName } from './plans.ts';

/** The edge's name. */
const EDGE = 'edge';

/** What can be done to the edge's container. */
export function edgeAccess(runId: string): EdgeAccess {
  const container = async () => {
    const client = await getContainerRuntimeClient();
    return { client, edge: client.container.getById(fullName(runId, EDGE)) };
  };
  return {
    async write(path, text) {
      const { client, edge } = await container();
      await client.container.putArchive(edge, archiveOf(below(EDGE, { [path]: text })), FILES);
    },
    async reload() {
      const { edge } = await container();
      await edge.kill({ signal: 'SIGHUP' });
    },
  };
}
