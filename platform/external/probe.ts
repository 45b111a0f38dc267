import { get as getHttp } from 'node:http';
import { get as getHttps } from 'node:https';
import type { Clock } from '../../harness/clock.ts';
import type { Probe } from '../../harness/contracts.ts';
import { tlsNameOf } from '../../harness/host/tls-name.ts';

/**
 * Sends `GET path` below `base`, through `listen` (`host:port`), on a connection of its own, as a client of `base` would: same
 * `Host`, same TLS name. Any HTTP status counts as an answer. Over TLS the time counts from the end of the handshake, whose round
 * trips would otherwise multiply what a link adds to one.
 * @throws when nothing answers: refused, reset, or the signal's reason on abort
 */
export function probeThrough(
  listen: string,
  base: string,
  path: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<Probe> {
  const { protocol, host, hostname, pathname } = new URL(base);
  const isTls = protocol === 'https:';
  const via = new URL(`http://${listen}`);
  const options = {
    host: via.hostname,
    port: via.port,
    path: pathname.replace(/\/$/, '') + path,
    headers: { host },
    agent: false,
    signal,
    ...(isTls ? tlsNameOf(hostname) : {}),
  } as const;
  let sentMs = clock.nowMs();
  return new Promise((resolve, reject) => {
    const request = (isTls ? getHttps : getHttp)(options, response => {
      response.on('error', () => {}).resume();
      resolve({ sentMs, ttfbMs: clock.nowMs() - sentMs });
    });
    request.on('error', reject);
    request.once('socket', socket =>
      socket.once('secureConnect', () => {
        sentMs = clock.nowMs();
      }),
    );
  });
}
