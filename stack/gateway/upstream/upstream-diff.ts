/** Name and URL of an upstream. */
export interface NamedUrl {
  readonly name: string;
  readonly url: string;
}

/** Difference between the current upstreams and those listed by discovery. */
export interface UpstreamDiff {
  /** New upstreams. */
  readonly added: readonly NamedUrl[];
  /** Upstreams with a new URL; each replaces the one of the same name. */
  readonly moved: readonly NamedUrl[];
  /** Names of upstreams that are listed with the same URL. */
  readonly unchanged: readonly string[];
  /** Names of upstreams that are no longer listed. */
  readonly missing: readonly string[];
}

/** Compares by name. If a name is listed twice, the last entry wins. */
export function diffUpstreams(current: readonly NamedUrl[], listed: readonly NamedUrl[]): UpstreamDiff {
  const before = new Map(current.map(({ name, url }) => [name, url]));
  const after = new Map(listed.map(({ name, url }) => [name, url]));
  const entries = [...after].map(([name, url]) => ({ name, url }));
  return {
    added: entries.filter(({ name }) => !before.has(name)),
    moved: entries.filter(({ name, url }) => before.has(name) && before.get(name) !== url),
    unchanged: entries.filter(({ name, url }) => before.get(name) === url).map(({ name }) => name),
    missing: current.filter(({ name }) => !after.has(name)).map(({ name }) => name),
  };
}
