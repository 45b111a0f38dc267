import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findK6 } from '../../load/k6/program/find.ts';
import { engineSocket, findEngine } from '../../platform/docker/engine.ts';
import { missing } from '../require.ts';

const k6 = await findK6();
const hasEngine = await findEngine(engineSocket()).then(
  () => true,
  () => false,
);

/** Reason why no image can be tested, or false. */
export const noImage =
  missing('docker', hasEngine) ||
  missing('k6', k6 !== undefined && k6.image === undefined && process.platform === 'linux');

/** Image with the k6 of this machine and its libraries. Disposing removes it. */
export function buildK6Image(name: string): Disposable {
  const folder = mkdtempSync(join(tmpdir(), 'squall-k6-image-'));
  try {
    // `ldd` fails for a program that needs none.
    const linked = execFileSync('sh', ['-c', 'ldd "$0" || true', k6!.command], { encoding: 'utf8' });
    const libraries = [...linked.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path!);
    for (const [from, to] of [[k6!.command, '/usr/bin/k6'], ...libraries.map(path => [path, path])] as const) {
      mkdirSync(join(folder, 'root', dirname(to!)), { recursive: true });
      copyFileSync(from!, join(folder, 'root', to!));
    }
    writeFileSync(join(folder, 'Dockerfile'), 'FROM scratch\nCOPY root /\n');
    execFileSync('docker', ['build', '--quiet', '--tag', name, folder], { stdio: 'pipe' });
  } finally {
    rmSync(folder, { recursive: true });
  }
  return { [Symbol.dispose]: () => void execFileSync('docker', ['rmi', '--force', name], { stdio: 'pipe' }) };
}
