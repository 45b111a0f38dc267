/** An upstream by name and place. */
export interface NamedUrl {
  readonly name: string;
  readonly url: string;
}

/** How the upstreams that there are become those that discovery tells. */
export interface UpstreamDiff {
  /** Not there yet. */
  readonly added: readonly NamedUrl[];
  /** There, but somewhere else now: the old one goes, the new one comes. */
  readonly moved: readonly NamedUrl[];
  /** Names that are there, and told. */
  readonly told: readonly string[];
  /** Names that are there and not told. */
  readonly missing: readonly string[];
}

/** Compares by name; of two told upstreams with one name the last counts. */
export function diffUpstreams(current: readonly NamedUrl[], told: readonly NamedUrl[]): UpstreamDiff {
  const before = new Map(current.map(({ name, url }) => [name, url]));
  const after = new Map(told.map(({ name, url }) => [name, url]));
  const entries = [...after].map(([name, url]) => ({ name, url }));
  return {
    added: entries.filter(({ name }) => !before.has(name)),
    moved: entries.filter(({ name, url }) => before.has(name) && before.get(name) !== url),
    told: entries.filter(({ name, url }) => before.get(name) === url).map(({ name }) => name),
    missing: current.filter(({ name }) => !after.has(name)).map(({ name }) => name),
  };
}
