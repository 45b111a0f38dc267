import { type SweepOptions, type Swept, sweep } from '../watchdog/sweep.ts';
import { callEngine, EngineError } from './engine.ts';

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

/** Ids, or names for volumes, that carry the label. @throws Error as {@link callEngine} */
export async function listLabelled(kind: Kind, socketPath: string, label: string): Promise<string[]> {
  const query = `filters=${encodeURIComponent(JSON.stringify({ label: [label] }))}`;
  const answer = await callEngine(socketPath, `/${kind}${kind === 'containers' ? '/json?all=1&' : '?'}${query}`);
  if (kind === 'volumes') return ((answer as { Volumes: { Name: string }[] | null }).Volumes ?? []).map(v => v.Name);
  return (answer as { Id: string }[]).map(({ Id }) => Id);
}

async function remove(kind: Kind, id: string, { socketPath }: RemoveOptions): Promise<void> {
  const query = { containers: '?force=1&v=1', networks: '', volumes: '?force=1' }[kind];
  try {
    await callEngine(socketPath, `/${kind}/${encodeURIComponent(id)}${query}`, { method: 'DELETE' });
  } catch (error) {
    // 404: gone already; 409: being removed by somebody else.
    if (!(error instanceof EngineError)) throw error;
  }
}
