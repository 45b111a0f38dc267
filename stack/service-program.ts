import { once } from 'node:events';
import type { Server } from 'node:http';
import { type Clock, settlesWithin } from '../harness/clock.ts';
import { messageOf, SquallError } from '../harness/errors.ts';

/** Interval between sweeps of idle connections while draining. */
const IDLE_CHECK_MS = 20;

/** Listen address. With port 0 the system picks a free port, reported in the log line `listening`. */
interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Runs the main function of a service. A startup error prints one line to stderr and exits with 1. */
export async function runProgram(name: string, main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    const next = error instanceof SquallError && error.next ? ` ${error.next}` : '';
    process.stderr.write(`${name}: ${messageOf(error)}${next}\n`);
    process.exit(1);
  }
}

/** Resolves with the first SIGTERM or SIGINT. Must be called before the process announces itself. */
export function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise(resolve => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve);
  });
}

/**
 * Parses `LISTEN`, such as `127.0.0.1:8080` or `[::1]:8080`.
 * @throws SquallError `BAD_LISTEN`
 */
export function parseListen(text: string | undefined): ListenAddress {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text ?? '');
  const port = Number(match?.[3]);
  if (!match || port > 65_535) {
    throw new SquallError('option', 'BAD_LISTEN', `Expected \`LISTEN\` to be HOST:PORT, got ${JSON.stringify(text)}`, {
      next: 'Set LISTEN, for example LISTEN=127.0.0.1:8080.',
    });
  }
  return { host: (match[1] ?? match[2])!, port };
}

/**
 * Starts listening; resolves once the server listens.
 * @param backlog maximum number of connections waiting for `accept`. @default Node's 511
 * @throws SquallError `CANNOT_LISTEN`
 */
export async function listen(server: Server, { host, port }: ListenAddress, backlog?: number): Promise<void> {
  try {
    server.listen({ host, port, backlog });
    await once(server, 'listening');
  } catch (cause) {
    const isInUse = (cause as NodeJS.ErrnoException).code === 'EADDRINUSE';
    const reason = isInUse ? 'the address is in use by another program' : messageOf(cause);
    throw new SquallError('environment', 'CANNOT_LISTEN', `Cannot listen on ${host}:${port}: ${reason}.`, {
      next: 'Stop that program or choose another LISTEN.',
      cause,
    });
  }
}

/**
 * Stops accepting connections, lets requests in flight finish for up to `drainMs`, then closes the remaining connections.
 * @returns whether all requests finished in time
 */
export async function drainServer(server: Server, drainMs: number, clock: Clock): Promise<boolean> {
  const closed = new Promise<void>(resolve => server.close(() => resolve()));
  const finished = new AbortController();
  // Connections whose responses began before the drain have no `connection: close` and become idle.
  void closeIdle(server, clock, finished.signal);
  const isDone = await settlesWithin(closed, drainMs, clock);
  finished.abort();
  if (isDone) return true;
  server.closeAllConnections();
  await closed;
  // Let the requests of the closed connections finish and be logged.
  await clock.sleep(10);
  return false;
}

async function closeIdle(server: Server, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    server.closeIdleConnections();
    await clock.sleep(IDLE_CHECK_MS, signal).catch(() => {});
  }
}
