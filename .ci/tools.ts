/**
 * Fills `.tools/bin` with the real tools that cannot be had as an npm package: Toxiproxy, k6, actionlint and Pythons with packages that tests use, or with
 * `kubernetes` the control plane of Kubernetes. Made once a version and machine, from Go modules and Python packages, in the user's cache
 * folder, and linked from there.
 */
import { $, fs, path, which } from 'zx';
import { userCache } from '../harness/host/private-folder.ts';

interface Tool {
  readonly name: string;
  readonly module: string;
  readonly version: string;
  /** Whether the rest may do without it: a registry that lacks its module is no failure. */
  readonly isOptional?: boolean;
  /** Makes the program in `folder`, as the only file there once all is done, and returns its path. */
  readonly build: (folder: string) => Promise<string>;
}

/** Real Toxiproxy that is always built, and the one beside it where the registry has its module. */
const TOXIPROXY = 'github.com/Shopify/toxiproxy/v2';
const NEXT_TOXIPROXY = 'v2.13.0';

/** Version of the control plane that the autoscaler is compared with. */
const KUBERNETES = 'v1.36.3';

const CONTROL_PLANE: readonly Tool[] = [
  pinned('etcd', 'etcd', 'go.etcd.io/etcd/server/v3', 'v3.6.5'),
  ...['kube-apiserver', 'kube-controller-manager'].map(name =>
    pinned(name, 'kubernetes', `k8s.io/kubernetes/cmd/${name}`, KUBERNETES, [
      `-s -w -X k8s.io/component-base/version.gitVersion=${KUBERNETES}`,
      '-X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36',
    ]),
  ),
];

const EVERYDAY: readonly Tool[] = [
  pinned('toxiproxy-server', 'toxiproxy', `${TOXIPROXY}/cmd/server`, 'v2.12.0'),
  pinned('toxiproxy-cli', 'toxiproxy', `${TOXIPROXY}/cmd/cli`, 'v2.12.0'),
  {
    name: 'toxiproxy-server-2.13',
    module: `${TOXIPROXY}/cmd/server`,
    version: NEXT_TOXIPROXY,
    // Not in our go.sum: Go's checksum database vouches for it. It needs a newer Go than ours, which Go then downloads.
    isOptional: true,
    build: async folder => {
      const env = { ...process.env, GOBIN: folder, GOTOOLCHAIN: 'auto', GOFLAGS: '-buildvcs=false' };
      await $({ env, quiet: true })`go install ${TOXIPROXY}/cmd/server@${NEXT_TOXIPROXY}`;
      return path.join(folder, 'server');
    },
  },
  pinned('k6', 'k6', 'go.k6.io/k6/v2', 'v2.2.0'),
  // Only tests use the rest: a checker of workflows, a client of the gateway, and readers of the files of runs.
  { ...pinned('actionlint', 'actionlint', 'github.com/rhysd/actionlint/cmd/actionlint', 'v1.7.12'), isOptional: true },
  python('openai-python', 'the package openai', '3.57.0'),
  python('analysis-python', 'the packages duckdb and pandas', '2.0.1'),
];

const TOOLS = process.argv[2] === 'kubernetes' ? CONTROL_PLANE : EVERYDAY;

/**
 * A tool built from a module of our own, the folder `source` beside this file, whose go.sum pins every byte that is built. `go install
 * …@version` would also ask the module's own site for deprecation notes, and fails where only a module proxy is reachable.
 * @param linked flags of the linker, such as the version that it cannot know
 */
function pinned(name: string, source: string, module: string, version: string, linked: readonly string[] = []): Tool {
  return {
    name,
    module,
    version,
    build: async folder => {
      const copy = path.join(folder, 'source');
      await fs.copy(path.join(import.meta.dirname, source), copy);
      const env = { ...process.env, GOFLAGS: '-mod=mod -buildvcs=false' };
      const output = path.join(folder, name);
      await $({ cwd: copy, env, quiet: true })`go build -trimpath -ldflags ${linked.join(' ')} -o ${output} ${module}`;
      return output;
    },
  };
}

/** A Python with packages, at the versions of the `requirements.txt` in the folder `name` beside this file. */
function python(name: string, module: string, version: string): Tool {
  return {
    name,
    module,
    version,
    isOptional: true,
    build: async folder => {
      const environment = path.join(folder, 'environment');
      const requirements = path.join(import.meta.dirname, name, 'requirements.txt');
      const quiet = $({ quiet: true });
      await fs.emptyDir(environment);
      await quiet`python3 -m venv ${environment}`;
      await quiet`${environment}/bin/python -m pip install --disable-pip-version-check --requirement ${requirements}`;
      const program = path.join(folder, name);
      await fs.writeFile(program, `#!/bin/sh\nexec '${environment}/bin/python' "$@"\n`, { mode: 0o755 });
      return program;
    },
  };
}

const cache = userCache('tools');
const target = path.resolve(import.meta.dirname, '../.tools/bin');

if (!(await which('go', { nothrow: true }))) {
  const names = TOOLS.filter(({ isOptional }) => !isOptional)
    .map(({ name, version }) => `${name} ${version}`)
    .join(' and ');
  console.error(
    `squall: building the tools needs Go 1.25 or newer, and none was found on PATH.\n  → Install Go, or put ${names} on PATH yourself.`,
  );
  process.exit(4);
}
await fs.ensureDir(target);
for (const { name, module, version, isOptional, build } of TOOLS) {
  const folder = path.join(cache, `${name}-${version}-${process.platform}-${process.arch}`);
  const link = path.join(target, name);
  const built = await cached(folder, async () => {
    console.log(`${name} ${version}: building from ${module}`);
    return build(folder);
  }).catch(error => {
    if (!isOptional) throw error;
    console.log(
      `${name} ${version}: left out, ${String(error.stderr ?? error)
        .trim()
        .split('\n')
        .at(-1)
        ?.trim()}`,
    );
    return undefined;
  });
  await fs.remove(link);
  if (built === undefined) continue;
  await fs.symlink(built, link);
  console.log(`${name} ${version}: .tools/bin/${name}`);
}

/** The binary that an earlier build left in the folder (the only file there), or a new one. */
async function cached(folder: string, build: () => Promise<string>): Promise<string> {
  const entries = (await fs.pathExists(folder)) ? await fs.readdir(folder, { withFileTypes: true }) : [];
  const binary = entries.find(entry => entry.isFile());
  return binary ? path.join(folder, binary.name) : build();
}
