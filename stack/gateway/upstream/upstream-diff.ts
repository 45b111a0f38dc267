/** Name and URL of an upstream. */
export interface NamedUrl {
  readonly name: string;
  readonly url: string;
  /** Label by which routes of models find it. */
  readonly version?: string | undefined;
}

/**
 * Compares the current upstreams with those listed by discovery, by name: `moved` have a new URL or version, `unchanged` (names) the same,
 * `missing` (names) are no longer listed. If a name is listed twice, the last entry wins.
 */
export function diffUpstreams(current: readonly NamedUrl[], listed: readonly NamedUrl[]) {
  const text = ({ url, version }: NamedUrl) => JSON.stringify([url, version]);
  const before = new Map(current.map(one => [one.name, text(one)]));
  const after = new Map(listed.map(one => [one.name, one]));
  const entries = [...after.values()];
  return {
    added: entries.filter(({ name }) => !before.has(name)),
    moved: entries.filter(one => before.has(one.name) && before.get(one.name) !== text(one)),
    unchanged: entries.filter(one => before.get(one.name) === text(one)).map(({ name }) => name),
    missing: current.filter(({ name }) => !after.has(name)).map(({ name }) => name),
  };
}
