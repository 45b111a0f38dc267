/** Name and URL of an upstream. */
export interface NamedUrl {
  readonly name: string;
  readonly url: string;
}

/**
 * Compares the current upstreams with those listed by discovery, by name: `moved` have a new URL, `unchanged` (names) the same,
 * `missing` (names) are no longer listed. If a name is listed twice, the last entry wins.
 */
export function diffUpstreams(current: readonly NamedUrl[], listed: readonly NamedUrl[]) {
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
