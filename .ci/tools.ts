/**
 * Fills `.tools/bin` with the real tools that cannot be had as an npm package: Toxiproxy, built from its Go module.
 * Built once a version and machine, in the user's cache folder, and linked from there.
 */
import { $, fs, os, path, which } from 'zx';

interface Tool {
  readonly name: string;
  readonly module: string;
  readonly version: string;
  /** Name that `go install` gives the binary. */
  readonly binary: string;
}

const TOOLS: readonly Tool[] = [
  {
    name: 'toxiproxy-server',
    module: 'github.com/Shopify/toxiproxy/v2/cmd/server',
    version: 'v2.12.0',
    binary: 'server',
  },
];

const cache = path.join(process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache'), 'squall', 'tools');
const target = path.resolve(import.meta.dirname, '../.tools/bin');

if (!(await which('go', { nothrow: true }))) {
  console.error(
    'squall: building the tools needs Go 1.24 or newer, and none was found on PATH.\n  → Install Go, or put toxiproxy-server on PATH yourself.',
  );
  process.exit(4);
}
await fs.ensureDir(target);
for (const { name, module, version, binary } of TOOLS) {
  const folder = path.join(cache, `${name}-${version}-${process.platform}-${process.arch}`);
  const built = path.join(folder, binary);
  if (!(await fs.pathExists(built))) {
    console.log(`${name} ${version}: building from ${module}`);
    await $({ env: { ...process.env, GOBIN: folder }, quiet: true })`go install ${module}@${version}`;
  }
  const link = path.join(target, name);
  await fs.remove(link);
  await fs.symlink(built, link);
  console.log(`${name} ${version}: .tools/bin/${name}`);
}
