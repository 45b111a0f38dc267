import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { SquallError } from '../../harness/errors.ts';

/** The address on which everything listens. */
export const LOOPBACK = '127.0.0.1';

/** Where the range of ports begins that the system hands to outgoing connections, if it does not tell. */
const DEFAULT_EPHEMERAL_FROM = 32_768;
const FIRST_PORT = 10_240;
const ATTEMPTS = 200;

/** A port that nobody else can take until it is freed for the process that it is meant for. */
export interface ReservedPort {
  readonly port: number;
  /** Idempotent. */
  free(): Promise<void>;
}

/**
 * Reserves a free port below the range that the system hands to outgoing connections. Asking for port 0 would give one
 * inside it, and then, while a killed replica is down, any client's connection could be given the replica's port, and the
 * replica could not come back.
 * @throws SquallError `NO_FREE_PORT`
 */
export async function reservePort(): Promise<ReservedPort> {
  const to = ephemeralFrom();
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const reserved = await listen(randomInt(FIRST_PORT, to)).catch(() => undefined);
    if (reserved) return reserved;
  }
  throw new SquallError('environment', 'NO_FREE_PORT', `Found no free port in ${ATTEMPTS} tries below ${to}`, {
    next: 'End programs that listen on many ports.',
  });
}

/**
 * Reserves a certain port.
 * @throws SquallError `PORT_TAKEN` when it is in use, `PORT_FORBIDDEN` when this user may not listen there
 */
export async function reserveFixedPort(port: number, purpose: string): Promise<ReservedPort> {
  try {
    return await listen(port);
  } catch (cause) {
    const isTaken = (cause as NodeJS.ErrnoException).code === 'EADDRINUSE';
    const reason = isTaken ? 'another process listens there' : `${(cause as Error).message}`;
    throw new SquallError(
      'environment',
      isTaken ? 'PORT_TAKEN' : 'PORT_FORBIDDEN',
      `Expected port ${port} of ${LOOPBACK} to be free for ${purpose}, but ${reason}`,
      { cause, next: `Free port ${port}, choose another one, or choose 0 for any free port.` },
    );
  }
}

async function listen(port: number): Promise<ReservedPort> {
  const server = createServer(socket => socket.destroy());
  server.unref();
  server.listen({ host: LOOPBACK, port, exclusive: true });
  await once(server, 'listening');
  let freed: Promise<void> | undefined;
  return {
    port,
    free() {
      freed ??= new Promise(resolve => server.close(() => resolve()));
      return freed;
    },
  };
}

function ephemeralFrom(): number {
  try {
    const from = Number.parseInt(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'), 10);
    return from > FIRST_PORT + 1000 ? from : DEFAULT_EPHEMERAL_FROM;
  } catch {
    return DEFAULT_EPHEMERAL_FROM;
  }
}
