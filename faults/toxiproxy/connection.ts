import type { Socket } from 'node:net';
import type { Clock } from '../../harness/clock.ts';
import type { Machine, Network } from '../../harness/host/network.ts';
import type { Random } from '../../harness/random.ts';
import { parseAddress } from './address.ts';
import { Pipe } from './pipe.ts';
import { type Direction, directionOf, type ToxicJson } from './toxics/toxic.ts';

/** Timeout of connecting to the upstream. */
const CONNECT_LIMIT_MS = 30_000;
/** Maximum wait for a peer to accept the last bytes. */
const CLOSE_LIMIT_MS = 5_000;

interface ConnectionOptions {
  readonly machine: Machine;
  readonly random: Random;
  /** `host:port` to dial. */
  readonly upstream: string;
  readonly toxics: readonly ToxicJson[];
  /** Called if the upstream does not accept the connection. */
  readonly onRefused: (error: NodeJS.ErrnoException) => void;
  /** Called once, when both sockets are closed, with the bytes that it took and passed on. */
  readonly onClosed: (bytes: TransferredBytes) => void;
}

/** Bytes of one connection by direction. */
export type TransferredBytes = Readonly<Record<Direction, { readonly received: number; readonly sent: number }>>;

/**
 * A client, the upstream dialled for it, and one pipe each way.
 *
 * ```
 *           ┌── upstream pipe ──►┐
 *  client ──┤                    ├── server
 *           └◄─ downstream pipe ─┘
 * ```
 *
 * Half-close is preserved: the end of one direction ends that direction only. (Toxiproxy 2.12 closes both.) After a socket
 * fails, the bytes it sent still arrive, then the other one is closed with FIN. An upstream that refuses closes the client.
 */
export class Connection {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #pipes: Readonly<Record<Direction, Pipe>>;
  readonly #clock: Clock;
  #broken = false;

  constructor(client: Socket, { machine, random, upstream, toxics, onRefused, onClosed }: ConnectionOptions) {
    const { clock, network } = machine;
    const server = dial(upstream, network);
    this.#clock = clock;
    this.#client = client;
    this.#server = server;
    const openPipe = (direction: Direction, source: Socket, destination: Socket) =>
      new Pipe(source, destination, selectDirection(toxics, direction), {
        clock,
        ...(network.splice && { splice: network.splice }),
        random: random.stream(direction),
        finished: () => (this.#broken ? closeSoon(destination, clock) : destination.end()),
        close: () => this.#close(),
        reset: () => this.#reset(),
      });
    this.#pipes = {
      upstream: openPipe('upstream', client, server),
      downstream: openPipe('downstream', server, client),
    };
    let open = 2;
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.once('close', broke => {
        if (broke) this.#breakOff(socket);
        open -= 1;
        if (open === 0) this.#closed(onClosed);
      });
    }
    server.once('error', onRefused);
    server.once('connect', () => {
      server.off('error', onRefused);
      this.#start();
    });
  }

  /** Adds the toxic to its direction. */
  add(toxic: ToxicJson): void {
    this.#pipeOf(toxic).add(toxic);
  }

  /** Applies a toxic's new settings. */
  update(toxic: ToxicJson): void {
    this.#pipeOf(toxic).update(toxic);
  }

  /** Removes the toxic. */
  remove(toxic: ToxicJson): void {
    this.#pipeOf(toxic).remove(toxic.name);
  }

  /** Closes both sockets at once; what is unsent is lost. */
  destroy(): void {
    this.#stopPipes();
    this.#client.destroy();
    this.#server.destroy();
  }

  #start(): void {
    this.#server.setTimeout(0);
    this.#pipes.upstream.start();
    this.#pipes.downstream.start();
  }

  #pipeOf(toxic: ToxicJson): Pipe {
    return this.#pipes[directionOf(toxic.stream)!];
  }

  #close(): void {
    this.#stopPipes();
    closeSoon(this.#client, this.#clock);
    closeSoon(this.#server, this.#clock);
  }

  #reset(): void {
    this.#stopPipes();
    this.#client.resetAndDestroy();
    this.#server.resetAndDestroy();
  }

  /** `socket` failed: bytes to it are discarded, but those from it are still delivered. */
  #breakOff(socket: Socket): void {
    this.#broken = true;
    const { upstream, downstream } = this.#pipes;
    const [from, to, other] =
      socket === this.#client ? [upstream, downstream, this.#server] : [downstream, upstream, this.#client];
    to.stop();
    from.end();
    if (from.isFinished) closeSoon(other, this.#clock);
  }

  #stopPipes(): void {
    this.#pipes.upstream.stop();
    this.#pipes.downstream.stop();
  }

  #closed(onClosed: ConnectionOptions['onClosed']): void {
    this.#stopPipes();
    onClosed({
      upstream: { received: this.#client.bytesRead, sent: this.#server.bytesWritten },
      downstream: { received: this.#server.bytesRead, sent: this.#client.bytesWritten },
    });
  }
}

/** The toxics of `direction`, in order. */
export function selectDirection<T extends ToxicJson>(toxics: readonly T[], direction: Direction): T[] {
  return toxics.filter(toxic => directionOf(toxic.stream) === direction);
}

function dial(upstream: string, network: Network): Socket {
  const { host, port } = parseAddress(upstream);
  const socket = network.connect({ host: host === '' ? '127.0.0.1' : host, port, allowHalfOpen: true });
  socket.setTimeout(CONNECT_LIMIT_MS, () => socket.destroy(new Error('connect timed out')));
  return socket;
}

function closeSoon(socket: Socket, clock: Clock): void {
  if (socket.destroyed) return;
  socket.destroySoon();
  if (socket.destroyed) return;
  socket.once(
    'close',
    clock.after(CLOSE_LIMIT_MS, () => socket.destroy()),
  );
}
