import { once } from 'node:events';
import type { Server } from 'node:http';
import { type Clock, settlesWithin } from '../harness/clock.ts';
import { messageOf, SquallError } from '../harness/errors.ts';

/** How often connections that have become idle are looked for while draining. */
const IDLE_CHECK_MS = 20;

/** Where to listen. Port 0 lets the system choose; the `listening` log line tells which. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Runs a service of ours as a program: what it cannot start for is one line on stderr, and exit code 1. */
export async function runProgram(name: string, main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    const next = error instanceof SquallError && error.next ? ` ${error.next}` : '';
    process.stderr.write(`${name}: ${messageOf(error)}${next}\n`);
    process.exit(1);
  }
}

/** Resolves with the first SIGTERM or SIGINT; to be called before anybody can know the process. */
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
 * Resolves when the server listens.
 * @param backlog connections that the kernel completes ahead of `accept`. @default Node's 511
 * @throws SquallError `CANNOT_LISTEN`
 */
export async function listen(server: Server, { host, port }: ListenAddress, backlog?: number): Promise<void> {
  try {
    server.listen({ host, port, backlog });
    await once(server, 'listening');
  } catch (cause) {
    const taken = (cause as NodeJS.ErrnoException).code === 'EADDRINUSE';
    const reason = taken ? 'another program listens there' : messageOf(cause);
    throw new SquallError('environment', 'CANNOT_LISTEN', `Cannot listen on ${host}:${port}: ${reason}.`, {
      next: 'Stop that program or choose another LISTEN.',
      cause,
    });
  }
}

/**
 * Stops accepting connections, lets running requests finish for up to `drainMs`, then cuts the rest.
 * @returns true when nothing had to be cut
 */
export async function drainServer(server: Server, drainMs: number, clock: Clock): Promise<boolean> {
  const closed = new Promise<void>(resolve => server.close(() => resolve()));
  const finished = new AbortController();
  // A connection whose answer began before the drain was not told to close; it turns idle instead.
  void sweepIdle(server, clock, finished.signal);
  const isDone = await settlesWithin(closed, drainMs, clock);
  finished.abort();
  if (isDone) return true;
  server.closeAllConnections();
  await closed;
  // The requests behind them learn of it in the next turns; let them end as what they are.
  await clock.sleep(10);
  return false;
}

async function sweepIdle(server: Server, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    server.closeIdleConnections();
    await clock.sleep(IDLE_CHECK_MS, signal).catch(() => {});
  }
}
