/**
 * Compiles the package into `dist/`: the rooms as JavaScript, the files that they read, and the types that `import 'squall'` reaches.
 * Run by `npm pack` and `npm publish`; a checkout runs its sources.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');
const DIST = join(ROOT, 'dist');
/** Files that sources read, by path from the root. Images are built from a checkout, whose `npm run images` needs it. */
const ASSETS = ['reports/render/html/client.js', 'reports/render/html/style', 'docs/requirements.md'];
const TYPES = join(DIST, 'cli/api.d.ts');

rmSync(DIST, { recursive: true, force: true });
execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'], {
  cwd: ROOT,
  stdio: 'inherit',
});
for (const asset of ASSETS) cpSync(join(ROOT, asset), join(DIST, asset), { recursive: true });
const { name, version, type } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
writeFileSync(join(DIST, 'package.json'), JSON.stringify({ name, version, type }));

/** The declarations that one of them needs, itself among them. */
function reachedFrom(file: string, found = new Set<string>()): ReadonlySet<string> {
  if (found.has(file)) return found;
  found.add(file);
  for (const [, target] of readFileSync(file, 'utf8').matchAll(/(?:from|import\()\s*["'](\.[^"']+)\.[tj]s["']/g))
    reachedFrom(join(dirname(file), `${target}.d.ts`), found);
  return found;
}

const needed = reachedFrom(TYPES);
for (const file of readdirSync(DIST, { recursive: true, encoding: 'utf8' }))
  if (file.endsWith('.d.ts') && !needed.has(join(DIST, file))) rmSync(join(DIST, file));
