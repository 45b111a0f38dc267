import { once } from 'node:events';
import type { Server } from 'node:http';
import { pino } from 'pino';
import { collectDefaultMetrics, type Registry } from 'prom-client';
import { type Clock, settlesWithin, systemClock } from '../harness/clock.ts';
import { messageOf, SquallError } from '../harness/errors.ts';
import { type Endpoint, type Machine, thisMachine } from '../harness/host/network.ts';
import { newUuid, systemSecrets } from '../harness/host/secrets.ts';
import { hostNames } from '../harness/http/own-names.ts';
import { type Random, seededRandom } from '../harness/random.ts';

/** Interval between sweeps of idle connections while draining. */
const IDLE_CHECK_MS = 20;

/** What a service is given by where it runs, besides clock and network. It reads time, chance and sockets from nowhere else. */
export interface ServiceContext extends Machine {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly random: Random;
  /** A new unique id, a UUID. */
  readonly newId: () => string;
  /**
   * Waits for work outside the event loop: files, and cryptography on other threads. It takes no virtual time, and there happens one at a
   * time, in the order of the calls.
   */
  readonly settle: <T>(run: () => Promise<T>) => Promise<T>;
  /** Names by which its clients may know it, besides its addresses. */
  readonly names: readonly string[];
  /** Its log, as JSON lines with `base` in each. */
  readonly logger: (base: Readonly<Record<string, string>>) => pino.Logger;
  /** Adds the metrics of the process to a registry; absent where a service has no process of its own. */
  readonly measureProcess?: (registry: Registry) => void;
  /** Resolves when it is to stop, with the signal. */
  readonly stopped: Promise<string>;
}

/** A service from its start until it has stopped. @throws SquallError if it cannot start */
export type Serve = (context: ServiceContext) => Promise<void>;

/**
 * Runs a service as this process: a startup error prints one line to stderr and exits with 1; SIGTERM or SIGINT stops it, and it exits with 0.
 * @param destination of its log
 */
export async function runProgram(name: string, serve: Serve, destination: pino.DestinationStream): Promise<never> {
  try {
    await serve({
      ...thisMachine,
      environment: process.env,
      random: seededRandom(systemSecrets(4).readUInt32LE()),
      newId: () => newUuid(systemSecrets),
      settle: run => run(),
      names: hostNames(),
      logger: base => pino({ base }, destination),
      measureProcess: register => collectDefaultMetrics({ register }),
      stopped: stopSignal(),
    });
    await flushed(destination);
    process.exit(0);
  } catch (error) {
    const next = error instanceof SquallError && error.next ? ` ${error.next}` : '';
    process.stderr.write(`${name}: ${messageOf(error)}${next}\n`);
    process.exit(1);
  }
}

/** Log on stdout that is written at once, so that the lines before a crash are there. */
export function logAtOnce(): pino.DestinationStream {
  return onStdout({ sync: true });
}

/** Log on stdout that never delays requests: lines are batched during a write. */
export function logInBatches(): pino.DestinationStream {
  return onStdout({ sync: false });
}

/** Log on stdout. Lines wait while they cannot be written, as on a full disk or with a reader that is stuck, and are dropped beyond 16 MiB. */
function onStdout(options: { readonly sync: boolean }): pino.DestinationStream {
  const destination = pino.destination({ dest: 1, maxLength: 16_777_216, ...options });
  let isFailing = false;
  destination.on('error', () => {
    isFailing = true;
  });
  destination.on('drain', () => {
    isFailing = false;
  });
  const flushSync = destination.flushSync.bind(destination);
  // As the process exits, it would be tried for ever.
  destination.flushSync = () => {
    if (!isFailing) flushSync();
  };
  return destination;
}

/** Waits until the log is written, unless stdout is no longer read. */
async function flushed(destination: pino.DestinationStream & Partial<{ end(): void }>): Promise<void> {
  if (!('sync' in destination) || destination.sync) return;
  const written = once(destination as never, 'close');
  destination.end?.();
  await settlesWithin(written, 1000, systemClock);
}

/** Resolves with the first SIGTERM or SIGINT. Must be called before the process announces itself. */
function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise(resolve => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve);
  });
}

/**
 * Parses `LISTEN`, such as `127.0.0.1:8080` or `[::1]:8080`.
 * @throws SquallError `BAD_LISTEN`
 */
export function parseListen(text: string | undefined): Endpoint {
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
 * Starts listening; resolves with the endpoint once the server listens.
 * @param backlog maximum number of connections waiting for `accept`. @default Node's 511
 * @throws SquallError `CANNOT_LISTEN`
 */
export async function listen(
  { network }: Pick<Machine, 'network'>,
  server: Server,
  endpoint: Endpoint,
  backlog?: number,
): Promise<Endpoint> {
  try {
    return await network.listen(server, endpoint, backlog);
  } catch (cause) {
    const isInUse = (cause as NodeJS.ErrnoException).code === 'EADDRINUSE';
    const reason = isInUse ? 'the address is in use by another program' : messageOf(cause);
    const where = `${endpoint.host}:${endpoint.port}`;
    throw new SquallError('environment', 'CANNOT_LISTEN', `Cannot listen on ${where}: ${reason}.`, {
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
