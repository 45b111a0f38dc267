import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { SquallError } from '../harness/errors.ts';
import { systemNetwork } from '../harness/host/network.ts';
import { systemSecrets } from '../harness/host/secrets.ts';
import type { LinkPlan } from '../stack/topology.ts';
import { portOffset, requirePortsFit } from './port-plan.ts';

/** Listen address of everything. */
export const LOOPBACK = '127.0.0.1';

/** First ephemeral port where the system does not report it. */
const DEFAULT_EPHEMERAL_FROM = 32_768;
const FIRST_PORT = 10_240;
const ATTEMPTS = 200;

/** A port reserved until it is freed for its process. */
interface ReservedPort {
  readonly port: number;
  /** Idempotent. */
  free(): Promise<void>;
}

/**
 * Reserves a free port below the ephemeral range. Port 0 would give one inside it, which the system could assign to a client's
 * connection while a killed replica is down, and the replica could not come back.
 * @throws SquallError `NO_FREE_PORT`
 */
export async function reservePort(): Promise<ReservedPort> {
  const to = ephemeralFrom();
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const reserved = await listen(FIRST_PORT + (systemSecrets(4).readUInt32LE() % (to - FIRST_PORT))).catch(
      () => undefined,
    );
    if (reserved) return reserved;
  }
  throw new SquallError('environment', 'NO_FREE_PORT', `Found no free port below ${to} in ${ATTEMPTS} attempts`, {
    next: 'End programs that listen on many ports.',
  });
}

async function reserveFixedPort(port: number, purpose: string, next: string): Promise<ReservedPort> {
  try {
    return await listen(port);
  } catch (cause) {
    const isTaken = (cause as NodeJS.ErrnoException).code === 'EADDRINUSE';
    const reason = isTaken ? 'another process listens there' : (cause as Error).message;
    throw new SquallError(
      'environment',
      isTaken ? 'PORT_TAKEN' : 'PORT_FORBIDDEN',
      `Expected port ${port} of ${LOOPBACK} to be free for ${purpose}, but ${reason}`,
      { cause, next: `Free port ${port}, ${next}` },
    );
  }
}

/** Reserved ports of a stack, by name of a link, a replica, or a helper such as the fault proxy. */
export interface PortBook {
  of(name: string): number;
  /** `127.0.0.1:port`. */
  address(name: string): string;
  /** Frees a port for the process that is about to listen on it. Idempotent. */
  claim(name: string): Promise<void>;
  /** Frees all ports. Idempotent. */
  free(): Promise<void>;
}

/**
 * Reserves a port for each of `links`, fixed ones first, and for each of `names`. The fault proxy does not choose link ports, since a
 * link that is taken down and up again must find its port free.
 * @param base of ports that are fixed by {@link portOffset}; a port that the scenario gives a link remains. @default any free ones
 * @throws SquallError `PORT_TAKEN`, `PORT_FORBIDDEN`, `NO_FREE_PORT`, `BAD_PORTS`; then nothing is reserved
 */
export async function reservePorts(
  links: readonly LinkPlan[],
  names: readonly string[],
  base?: number,
): Promise<PortBook> {
  const ports = new Map<string, ReservedPort>();
  const free = async () => {
    await Promise.all([...ports.values()].map(reserved => reserved.free()));
  };
  try {
    for (const { name, port } of links.filter(link => link.port !== 0))
      ports.set(
        name,
        await reserveFixedPort(port, `the link ${name}`, 'choose another one, or choose 0 for any free port.'),
      );
    const others = [...names, ...links.filter(link => link.port === 0).map(({ name }) => name)];
    if (base !== undefined) requirePortsFit(base, others, ephemeralFrom());
    for (const name of others) ports.set(name, await (base === undefined ? reservePort() : reserveAt(base, name)));
  } catch (error) {
    await free();
    throw error;
  }
  const of = (name: string) => ports.get(name)!.port;
  return { of, address: name => `${LOOPBACK}:${of(name)}`, claim: name => ports.get(name)!.free(), free };
}

function reserveAt(base: number, name: string): Promise<ReservedPort> {
  const purpose = name.includes('→') ? `the link ${name}` : name;
  return reserveFixedPort(base + portOffset(name), purpose, 'or choose another base with --ports.');
}

async function listen(port: number): Promise<ReservedPort> {
  const server = createServer(socket => socket.destroy());
  server.unref();
  await systemNetwork.listen(server, { host: LOOPBACK, port });
  return { port, free: () => new Promise(resolve => void server.close(() => resolve())) };
}

function ephemeralFrom(): number {
  try {
    const from = Number.parseInt(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'), 10);
    return from > FIRST_PORT + 1000 ? from : DEFAULT_EPHEMERAL_FROM;
  } catch {
    return DEFAULT_EPHEMERAL_FROM;
  }
}
