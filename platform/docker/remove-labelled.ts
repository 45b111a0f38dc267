import { request } from 'node:http';
import { text as consume } from 'node:stream/consumers';
import { systemClock } from '../../harness/clock.ts';
import { type SweepOptions, type Swept, sweep } from '../watchdog/sweep.ts';

/** Timeout of a call to the engine, in ms. Removing a container takes about one second. */
const CALL_LIMIT_MS = 10_000;
const POLL_MS = 100;
const SHORT_ID = 12;
/** A network or volume that is in use cannot be removed, so containers go first. */
const KINDS = ['containers', 'networks', 'volumes'] as const;
type Kind = (typeof KINDS)[number];

/** Result of {@link removeLabelled}: short ids of everything found. */
export type Removed = Swept & Readonly<Record<Kind, readonly string[]>>;

/**
 * Removes every container, network and volume with a label, running or not, and retries until nothing is left or the limit is reached.
 * An engine may still be creating what a killed harness requested, hence `quietMs`. Never rejects.
 * @param label `key=value`, matched exactly
 */
export async function removeLabelled({
  socketPath,
  label,
  ...options
}: SweepOptions & { readonly socketPath: string; readonly label: string }): Promise<Removed> {
  const found = { containers: new Set<string>(), networks: new Set<string>(), volumes: new Set<string>() };
  const swept = await sweep(options, POLL_MS, async () => {
    let seen = 0;
    for (const kind of KINDS) {
      const ids = await listLabelled(kind, socketPath, label).catch(() => undefined);
      // Without a response there may still be something.
      seen += ids?.length ?? 1;
      for (const id of ids ?? []) found[kind].add(id.slice(0, SHORT_ID));
      await Promise.all((ids ?? []).map(id => remove(kind, id, socketPath).catch(() => {})));
    }
    return seen;
  });
  const { containers, networks, volumes } = found;
  return { containers: [...containers], networks: [...networks], volumes: [...volumes], ...swept };
}

/** Ids (names for volumes) of the resources with a label. @throws Error if the call fails */
export async function listLabelled(kind: Kind, socketPath: string, label: string): Promise<string[]> {
  const query = `filters=${encodeURIComponent(JSON.stringify({ label: [label] }))}`;
  const path = `/${kind}${kind === 'containers' ? '/json?all=1&' : '?'}${query}`;
  const { status, text } = await callEngine(socketPath, 'GET', path);
  if (status !== 200) throw new Error(`The Docker engine returned ${status}: ${text}`);
  const found = JSON.parse(text);
  if (kind === 'volumes') return ((found as { Volumes: { Name: string }[] | null }).Volumes ?? []).map(v => v.Name);
  return (found as { Id: string }[]).map(({ Id }) => Id);
}

/** Ignores the status. 404: gone already; 409: being removed. */
async function remove(kind: Kind, id: string, socketPath: string): Promise<void> {
  const query = { containers: '?force=1&v=1', networks: '', volumes: '?force=1' }[kind];
  await callEngine(socketPath, 'DELETE', `/${kind}/${encodeURIComponent(id)}${query}`);
}

/** Sends one request to the engine, without a library: a watchdog starts with every run and hardly ever needs it. */
function callEngine(socketPath: string, method: 'GET' | 'DELETE', path: string) {
  return new Promise<{ status: number; text: string }>((resolve, reject) => {
    const signal = systemClock.timeout(CALL_LIMIT_MS);
    request({ socketPath, path, method, agent: false, signal }, response => {
      consume(response).then(text => resolve({ status: response.statusCode ?? 0, text }), reject);
    })
      .on('error', reject)
      .end();
  });
}
