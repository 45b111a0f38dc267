import { SquallError } from './errors.ts';

/** Versions of the parts of a run by name, such as `{ node: 'v24.21.0', nginx: '1.22.1 (PATH)' }`. */
export type Versions = Readonly<Record<string, string>>;

/**
 * Versions that a replay can require, in the format of `--versions`: `nginx=1.22.1,node=24.21.0`. Excludes the places of programs, and
 * ids of images, which differ with every build.
 */
export function pinOf(versions: Versions): string {
  return Object.entries(versions)
    .map(([name, version]) => `${name}=${numberOf(version)}`)
    .filter(pin => /^[\w/.-]+=[\w.+~-]+$/.test(pin))
    .sort()
    .join(',');
}

/** Inverse of {@link pinOf}; undefined for any other text. */
export function parsePin(text: string): Versions | undefined {
  const pairs = text.split(',').map(pair => /^([\w/.-]+)=([\w.+~-]+)$/.exec(pair));
  if (pairs.includes(null)) return undefined;
  return Object.fromEntries(pairs.map(pair => [pair![1]!, pair![2]!]));
}

/** Requires the pinned versions. @throws SquallError `OTHER_VERSIONS` that names each missing or different version */
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
