import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { systemClock } from '../../harness/clock.ts';

/** How k6's clock stands to this machine's, as its script found out. */
export interface ClockComparison {
  /** The machine's monotonic clock minus k6's, in ms; wrong by half a round trip at most. */
  readonly offsetMs: number;
  readonly roundTripMs: number;
}

/** What the collector answers its script. */
export interface ControlHandlers {
  /** The script is ready to begin; it waits until this resolves. @returns when the start is on k6's clock, in ms */
  begin(clock: ClockComparison): Promise<number>;
  /** The last iteration has ended, and k6 is about to leave. */
  end(): void;
}

/** The side of the collector that a script talks to before and after its load. */
export interface Control extends Disposable {
  readonly url: string;
}

/** Listens on a free port of 127.0.0.1. */
export async function openControl(handlers: ControlHandlers): Promise<Control> {
  const answer = async (request: IncomingMessage): Promise<string> => {
    if (request.url === '/clock') return String(systemClock.nowMs());
    if (request.url === '/begin') return String(await handlers.begin((await json(request)) as ClockComparison));
    if (request.url === '/end') handlers.end();
    return '';
  };
  const server = createServer((request, response) => {
    answer(request).then(
      body => response.end(body),
      () => response.destroy(),
    );
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject).listen(0, '127.0.0.1', resolve);
  await promise;
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.dispose]: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
