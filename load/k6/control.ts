import { createServer, type IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
import { thisMachine } from '../../harness/host/network.ts';
import { systemSecrets } from '../../harness/host/secrets.ts';

/** Offset of k6's clock, as measured by its script. */
export interface ClockComparison {
  /** The machine's monotonic clock minus k6's, in ms; the error is at most half a round trip. */
  readonly offsetMs: number;
  readonly roundTripMs: number;
}

/** Collector's handlers of the requests of its script. */
export interface ControlHandlers {
  /** The script is ready and waits until this resolves. @returns start of the run on k6's clock, in ms */
  begin(clock: ClockComparison): Promise<number>;
  /** The last iteration has ended, and k6 is about to exit. */
  end(): void;
}

/**
 * Starts the collector's HTTP server for its script, used before and after the load, on a free port of 127.0.0.1. Only the script, which gets
 * the URL in its environment, knows the path: no other program or page can begin or end a run.
 */
export async function openControl(handlers: ControlHandlers): Promise<Disposable & { readonly url: string }> {
  const { clock, network } = thisMachine;
  const base = `/${systemSecrets(24).toString('base64url')}`;
  const respond = async (request: IncomingMessage): Promise<string> => {
    if (request.url === `${base}/clock`) return String(clock.nowMs());
    if (request.url === `${base}/begin`) return String(await handlers.begin((await json(request)) as ClockComparison));
    if (request.url !== `${base}/end`) throw new Error('not from the script');
    handlers.end();
    return '';
  };
  const server = createServer((request, response) => {
    respond(request).then(
      body => response.end(body),
      () => response.destroy(),
    );
  });
  const { port } = await network.listen(server, { host: '127.0.0.1', port: 0 });
  return {
    url: `http://127.0.0.1:${port}${base}`,
    [Symbol.dispose]: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
