/**
 * Fills `.tools/bin` with the real tools that cannot be had as an npm package: Toxiproxy and k6, built from their Go modules.
 * Built once a version and machine, in the user's cache folder, and linked from there.
 */
import { $, fs, os, path, which } from 'zx';

interface Tool {
  readonly name: string;
  readonly module: string;
  readonly version: string;
  /** Builds the binary into `folder` and returns its path. */
  readonly build: (folder: string) => Promise<string>;
}

const TOOLS: readonly Tool[] = [
  {
    name: 'toxiproxy-server',
    module: 'github.com/Shopify/toxiproxy/v2/cmd/server',
    version: 'v2.12.0',
    build: async folder => {
      const env = { ...process.env, GOBIN: folder };
      await $({ env, quiet: true })`go install github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0`;
      return path.join(folder, 'server');
    },
  },
  {
    name: 'k6',
    module: 'go.k6.io/k6/v2',
    version: 'v2.2.0',
    // `go install …@version` also asks the module's own site for deprecation notes, and fails where only a module proxy is
    // reachable. A module of our own that requires it does not, and its go.sum pins every byte that is built.
    build: async folder => {
      const source = path.join(folder, 'source');
      await fs.copy(path.join(import.meta.dirname, 'k6'), source);
      const env = { ...process.env, GOFLAGS: '-mod=mod -buildvcs=false' };
      await $({ cwd: source, env, quiet: true })`go build -trimpath -o ${path.join(folder, 'k6')} go.k6.io/k6/v2`;
      return path.join(folder, 'k6');
    },
  },
];

const cache = path.join(process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache'), 'squall', 'tools');
const target = path.resolve(import.meta.dirname, '../.tools/bin');

if (!(await which('go', { nothrow: true }))) {
  const names = TOOLS.map(({ name, version }) => `${name} ${version}`).join(' and ');
  console.error(
    `squall: building the tools needs Go 1.25 or newer, and none was found on PATH.\n  → Install Go, or put ${names} on PATH yourself.`,
  );
  process.exit(4);
}
await fs.ensureDir(target);
for (const { name, module, version, build } of TOOLS) {
  const folder = path.join(cache, `${name}-${version}-${process.platform}-${process.arch}`);
  const link = path.join(target, name);
  const built = await cached(folder, async () => {
    console.log(`${name} ${version}: building from ${module}`);
    return build(folder);
  });
  await fs.remove(link);
  await fs.symlink(built, link);
  console.log(`${name} ${version}: .tools/bin/${name}`);
}

/** The binary that an earlier build left in the folder (the only file there), or a new one. */
async function cached(folder: string, build: () => Promise<string>): Promise<string> {
  const entries = (await fs.pathExists(folder)) ? await fs.readdir(folder, { withFileTypes: true }) : [];
  const binary = entries.find(entry => entry.isFile());
  return binary ? path.join(folder, binary.name) : build();
}
