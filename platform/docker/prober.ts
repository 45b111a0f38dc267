import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { extname, join } from 'node:path';
import type { Files } from './archive.ts';
import { HOME } from './layout.ts';

/** The prober's name. */
export const PROBER = 'prober';
/** Port of the prober, inside. */
export const PROBER_PORT = 8080;

/** Where it sees itself, once it listens. */
export const PROBER_SELF = `http://127.0.0.1:${PROBER_PORT}/ready`;

/** The prober's program, below {@link HOME} and below {@link FILES} in its container. */
export const PROBER_PROGRAM = `platform/docker/prober-main${extname(import.meta.filename)}`;

/** What the prober's container has of this checkout. */
export function proberFiles(): Files {
  return { [PROBER_PROGRAM]: readFileSync(join(HOME, PROBER_PROGRAM)) };
}

/** Longest wait for one readiness answer, in ms. */
const READY_LIMIT_MS = 1000;

/** What the prober saw. */
export interface Seen {
  readonly status: number;
  /** Time to first byte as measured beside the services, in ms: the way from here to the prober is not in it. */
  readonly ttfbMs: number;
}

/**
 * Has the prober at `proberUrl` ask `url` on a fresh connection, in HTTP or Redis' protocol. Any answer counts.
 * @throws Error when nothing answers there; the signal's reason on abort
 */
export async function lookAt(proberUrl: string, url: string, signal: AbortSignal): Promise<Seen> {
  const { status, text } = await new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
    get(proberUrl, { agent: false, signal, headers: { 'x-squall-probe': url } }, response => {
      let body = '';
      response
        .setEncoding('utf8')
        .on('data', chunk => {
          body += chunk;
        })
        .on('end', () => resolve({ status: response.statusCode, text: body }))
        .on('error', reject);
    }).on('error', reject);
  });
  signal.throwIfAborted();
  if (status !== 200) throw new Error(`${url} did not answer: ${text}`);
  return JSON.parse(text) as Seen;
}

/** Whether `url` answers the prober within a second that it is ready: 2xx, or `PONG` from a Redis. @throws the signal's reason on abort */
export async function seesReady(proberUrl: string, url: string, signal: AbortSignal): Promise<boolean> {
  signal.throwIfAborted();
  const limited = AbortSignal.any([signal, AbortSignal.timeout(READY_LIMIT_MS)]);
  const status = await lookAt(proberUrl, url, limited).then(
    seen => seen.status,
    () => 0,
  );
  signal.throwIfAborted();
  return status >= 200 && status < 300;
}
