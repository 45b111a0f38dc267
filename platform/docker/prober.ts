import { readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { Files } from './archive.ts';
import { needsOf } from './images/service-files.ts';
import { HOME } from './layout.ts';

/** The prober's name. */
export const PROBER = 'prober';
/** Port of the prober, inside. */
export const PROBER_PORT = 8080;

/** Where it sees itself, once it listens. */
export const PROBER_SELF = `http://127.0.0.1:${PROBER_PORT}/ready`;

/** The prober's program, below {@link HOME} and below its container's folder of files. */
export const PROBER_PROGRAM = `platform/docker/prober-main${extname(import.meta.filename)}`;

/** What the prober's container has of this checkout: the program, and what it imports. */
export function proberFiles(): Files {
  const read = (path: string) => readFileSync(join(HOME, path), 'utf8');
  return Object.fromEntries(needsOf([PROBER_PROGRAM], read).modules.map(path => [path, read(path)]));
}

/** What the prober saw; the time is measured beside the services, without the way from here to the prober. */
export interface Seen {
  readonly isReady: boolean;
  readonly ttfbMs: number;
}

/**
 * Has the prober at `proberUrl` send one probe to `url`.
 * @throws Error when nothing answers there; the signal's reason on abort
 */
export async function lookAt(proberUrl: string, url: string, signal: AbortSignal): Promise<Seen> {
  const response = await fetch(proberUrl, { signal, headers: { 'x-squall-probe': url } });
  if (!response.ok) throw new Error(`${url} did not answer: ${await response.text()}`);
  return (await response.json()) as Seen;
}
