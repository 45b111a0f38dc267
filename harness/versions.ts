import { SquallError } from './errors.ts';

/** Versions of what a run is made of, by name, such as `{ node: 'v24.21.0', nginx: '1.22.1 (PATH)' }`. */
export type Versions = Readonly<Record<string, string>>;

/**
 * The part of versions that a replay can be held to, as `--versions` takes it: `nginx=1.22.1,node=24.21.0`. Left out are where a
 * program was found, and ids of images, which are another's with every build.
 */
export function pinOf(versions: Versions): string {
  return Object.entries(versions)
    .map(([name, version]) => `${name}=${numberOf(version)}`)
    .filter(pin => /^[\w/.-]+=[\w.+~-]+$/.test(pin))
    .sort()
    .join(',');
}

/** Reads what {@link pinOf} writes; undefined for any other text. */
export function parsePin(text: string): Versions | undefined {
  const pairs = text.split(',').map(pair => /^([\w/.-]+)=([\w.+~-]+)$/.exec(pair));
  if (pairs.includes(null)) return undefined;
  return Object.fromEntries(pairs.map(pair => [pair![1]!, pair![2]!]));
}

/** @throws SquallError `OTHER_VERSIONS` that names each version which is another than the pinned one, or not there */
export function requireVersions(pinned: Versions, found: Versions): void {
  const others = Object.entries(pinned).flatMap(([name, wanted]) => {
    const version = found[name] === undefined ? undefined : numberOf(found[name]);
    return version === wanted ? [] : [`${name} ${wanted}, found ${version ?? 'none in this run'}`];
  });
  if (others.length === 0) return;
  throw new SquallError('environment', 'OTHER_VERSIONS', `Expected the pinned versions: ${others.join('; ')}`, {
    next: 'Install the pinned versions, or leave --versions out to run with these; the run may then differ.',
  });
}

function numberOf(version: string): string {
  return version.replace(/^v(?=\d)/, '').replace(/ \(.*\)$/, '');
}
