import type { Topology } from '../../topology.ts';
import { LOOPBACK, type ReservedPort, reserveFixedPort, reservePort } from '../ports.ts';

/** Ports of the loopback interface that a stack publishes. */
export interface PublishedPorts {
  /** By the name of a link or a helper. */
  of(name: string): number;
  /** `http://127.0.0.1:port`. */
  url(name: string): string;
  /** Frees them for the engine, which is about to listen there. Idempotent. */
  free(): Promise<void>;
}

/**
 * Reserves a port for each link that starts outside the stack, and for each helper. Links between services need none.
 * @throws SquallError `PORT_TAKEN`, `PORT_FORBIDDEN`, `NO_FREE_PORT`; nothing is reserved then
 */
export async function reservePublished(topology: Topology, helpers: readonly string[]): Promise<PublishedPorts> {
  const ports = new Map<string, ReservedPort>();
  const free = async () => {
    await Promise.all([...ports.values()].map(reserved => reserved.free()));
  };
  try {
    for (const { name, port, usedBy } of topology.links)
      if (usedBy !== 'services')
        ports.set(name, port === 0 ? await reservePort() : await reserveFixedPort(port, `the link ${name}`));
    for (const name of helpers) ports.set(name, await reservePort());
  } catch (error) {
    await free();
    throw error;
  }
  const of = (name: string) => ports.get(name)!.port;
  return { of, url: name => `http://${LOOPBACK}:${of(name)}`, free };
}
