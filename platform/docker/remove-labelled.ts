import { request } from 'node:http';
import { text as consume } from 'node:stream/consumers';
import { type SweepOptions, type Swept, sweep } from '../watchdog/sweep.ts';

/** What to remove. An engine may still be making what a killed harness asked for, hence `quietMs`. */
export interface RemoveOptions extends SweepOptions {
  readonly socketPath: string;
  /** `key=value`, matched as a whole. */
  readonly label: string;
}

/** What {@link removeLabelled} did. */
export interface Removed extends Swept {
  /** Short ids of the containers that were found. */
  readonly containers: readonly string[];
  readonly networks: readonly string[];
  readonly volumes: readonly string[];
}

type Kind = 'containers' | 'networks' | 'volumes';

/** Longest wait for one answer of the engine, in ms. Removing a container takes about one second. */
const ANSWER_LIMIT_MS = 10_000;
const POLL_MS = 100;
const SHORT_ID = 12;
/** A network or volume that is in use cannot be removed, so containers go first. */
const ORDER: readonly Kind[] = ['containers', 'networks', 'volumes'];

/**
 * Removes every container, network and volume with a label, running or not, and looks again until nothing is left. What cannot
 * be removed is tried again until the limit. Never rejects.
 */
export async function removeLabelled(options: RemoveOptions): Promise<Removed> {
  const found = { containers: new Set<string>(), networks: new Set<string>(), volumes: new Set<string>() };
  const swept = await sweep(options, POLL_MS, async () => {
    let seen = 0;
    for (const kind of ORDER) {
      const ids = await listLabelled(kind, options.socketPath, options.label).catch(() => undefined);
      // Who cannot be asked may still have something.
      seen += ids?.length ?? 1;
      for (const id of ids ?? []) found[kind].add(id.slice(0, SHORT_ID));
      await Promise.all((ids ?? []).map(id => remove(kind, id, options).catch(() => {})));
    }
    return seen;
  });
  const { containers, networks, volumes } = found;
  return { containers: [...containers], networks: [...networks], volumes: [...volumes], ...swept };
}

/** Ids, or names for volumes, that carry the label. @throws Error when the engine does not answer, or refuses */
export async function listLabelled(kind: Kind, socketPath: string, label: string): Promise<string[]> {
  const query = `filters=${encodeURIComponent(JSON.stringify({ label: [label] }))}`;
  const path = `/${kind}${kind === 'containers' ? '/json?all=1&' : '?'}${query}`;
  const { status, text } = await callEngine(socketPath, 'GET', path);
  if (status !== 200) throw new Error(`The Docker engine answered ${status}: ${text}`);
  const found = JSON.parse(text);
  if (kind === 'volumes') return ((found as { Volumes: { Name: string }[] | null }).Volumes ?? []).map(v => v.Name);
  return (found as { Id: string }[]).map(({ Id }) => Id);
}

/** Any status will do. 404: gone already; 409: being removed by somebody else. */
async function remove(kind: Kind, id: string, { socketPath }: RemoveOptions): Promise<void> {
  const query = { containers: '?force=1&v=1', networks: '', volumes: '?force=1' }[kind];
  await callEngine(socketPath, 'DELETE', `/${kind}/${encodeURIComponent(id)}${query}`);
}

/** One request to the engine, on Node alone: a watchdog starts with every run, and loads no library that it hardly ever needs. */
function callEngine(socketPath: string, method: 'GET' | 'DELETE', path: string) {
  return new Promise<{ status: number; text: string }>((resolve, reject) => {
    const signal = AbortSignal.timeout(ANSWER_LIMIT_MS);
    request({ socketPath, path, method, agent: false, signal }, response => {
      consume(response).then(text => resolve({ status: response.statusCode ?? 0, text }), reject);
    })
      .on('error', reject)
      .end();
  });
}
