import { readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { Network } from '../../harness/host/network.ts';
import type { FirstByte } from '../../harness/host/probe.ts';
import type { ShortRequest, ShortResponse } from '../../harness/host/send.ts';
import type { Trace, TraceRequest } from '../../harness/host/trace.ts';
import { tokenHeaders } from '../../stack/token.ts';
import type { Files } from './archive.ts';
import { needsOf } from './images/service-files.ts';
import { HOME } from './layout.ts';

/** Name of the prober. */
export const PROBER = 'prober';
/** Port of the prober, inside. */
export const PROBER_PORT = 8080;

/** URL of the prober's own readiness, as seen by itself. */
export const PROBER_SELF = `http://127.0.0.1:${PROBER_PORT}/ready`;

/** Path of the prober's program, relative to {@link HOME} and to its container's folder of files. */
export const PROBER_PROGRAM = `platform/docker/prober-main${extname(import.meta.filename)}`;

/** Files of the prober's container: the program and its imports. */
export function proberFiles(): Files {
  const read = (path: string) => readFileSync(join(HOME, path), 'utf8');
  return Object.fromEntries(needsOf([PROBER_PROGRAM], read).modules.map(path => [path, read(path)]));
}

/** Where the prober is, and the token of the run, which it requires. */
interface Prober {
  readonly url: string;
  readonly token: string;
  readonly network: Network;
}

/**
 * Has the prober send one probe to `url`, and measure the time to first byte.
 * @throws Error without a response; the signal's reason on abort
 */
export async function probeInside(
  prober: Prober,
  url: string,
  signal: AbortSignal,
): Promise<Pick<FirstByte, 'isReady' | 'ttfbMs'>> {
  const headers = { ...tokenHeaders(prober.token), 'x-squall-probe': url };
  const response = await prober.network.fetch(prober.url, { signal, headers });
  if (!response.ok) throw new Error(`No response from ${url}: ${await response.text()}`);
  return (await response.json()) as Pick<FirstByte, 'isReady' | 'ttfbMs'>;
}

/** Has the prober record a connection to `url`. @throws Error where it cannot; the signal's reason on abort */
export async function traceInside(
  prober: Prober,
  url: string,
  request: TraceRequest,
  signal: AbortSignal,
): Promise<Trace> {
  const traced = { 'x-squall-probe': url, 'x-squall-trace': JSON.stringify(request) };
  const response = await prober.network.fetch(prober.url, {
    signal,
    headers: { ...tokenHeaders(prober.token), ...traced },
  });
  if (!response.ok) throw new Error(`No trace of ${url}: ${await response.text()}`);
  return (await response.json()) as Trace;
}

/** Has the prober send a request to the service at `origin`. @throws as {@link probeInside} */
export async function sendInside(
  prober: Prober,
  origin: string,
  request: ShortRequest,
  signal: AbortSignal,
): Promise<ShortResponse> {
  const body = JSON.stringify(request);
  const headers = { ...tokenHeaders(prober.token), 'x-squall-probe': origin };
  const response = await prober.network.fetch(prober.url, { method: 'POST', signal, headers, body });
  if (!response.ok) throw new Error(`No response from ${origin}: ${await response.text()}`);
  return (await response.json()) as ShortResponse;
}
