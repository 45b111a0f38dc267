import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { faultPackages } from '../../faults/catalog.ts';
import { catalogNames } from '../../scenarios/find.ts';

/*
 * What a stranger gets: the tarball, installed in an empty folder, by the Node.js and npm of this machine rather than by those of the
 * checkout. The example of docs/api.md is the test that they write.
 */
const ROOT = resolve(import.meta.dirname, '../..');
const EXAMPLE = /```ts\n(.*?)```/s.exec(readFileSync(join(ROOT, 'docs/api.md'), 'utf8'))![1]!;
const MAX_PACKED_BYTES = 1.25e6;
/** Linux and x64; other machines have other binaries, but Squall's dependencies have none. */
const MAX_INSTALLED_BYTES = 60e6;

const project = mkdtempSync(join(tmpdir(), 'squall-package-'));
afterAll(() => rmSync(project, { recursive: true, force: true }));

/** The environment of a person's shell: without what npm and Vitest add to it. */
const env = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|VITEST|NODE_ENV$|TEST$)/i.test(name))),
  PATH: process.env
    .PATH!.split(delimiter)
    .filter(folder => !folder.includes('node_modules'))
    .join(delimiter),
  NO_COLOR: '1',
};

function call(
  command: string,
  args: readonly string[],
  cwd = project,
): Promise<{ code: unknown; stdout: string; output: string }> {
  return new Promise(done =>
    execFile(command, args, { cwd, env, maxBuffer: 2 ** 26 }, (error, stdout, stderr) =>
      done({ code: error ? error.code : 0, stdout, output: stdout + stderr }),
    ),
  );
}

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}
let packed: Packed;
let installed: { code: unknown; output: string };

beforeAll(async () => {
  const { code, stdout, output } = await call('npm', ['pack', '--json', '--pack-destination', project], ROOT);
  expect(code, output).toBe(0);
  [packed] = JSON.parse(stdout.slice(stdout.indexOf('[\n'))) as [Packed];
  installed = await call('npm', ['install', '--prefer-offline', `./${packed.filename}`]);
  symlinkSync(join(ROOT, 'node_modules/vitest'), join(project, 'node_modules/vitest'));
  writeFileSync(join(project, 'resilience.test.ts'), EXAMPLE);
}, 120_000);

it('is small, and has compiled code, but neither sources nor tests nor stray files', () => {
  expect(packed.size).toBeLessThan(MAX_PACKED_BYTES);
  const paths = packed.files.map(({ path }) => path);
  const wrong = (path: string) => !/^(cli\/(bin|start\/\w+)\.js|dist\/.*|README\.md|LICENSE|package\.json)$/.test(path);
  expect(paths.filter(wrong)).toEqual([]);
  expect(paths.filter(path => /test|bench|\.tgz$|(?<!\.d)\.ts$|reports\/runs/.test(path))).toEqual([]);
  expect(paths).toEqual(
    expect.arrayContaining(['cli/bin.js', 'dist/cli/api.d.ts', 'dist/scenarios/catalog/failures/node-loss.js']),
  );
});

it('installs without a warning and without an install script, in tens of megabytes', () => {
  expect(installed.code, installed.output).toBe(0);
  expect(installed.output).not.toMatch(/warn|deprecated|install-scripts|EBADENGINE|vulnerab|fund/i);
  const modules = readdirSync(join(project, 'node_modules'), {
    recursive: true,
    withFileTypes: true,
    encoding: 'utf8',
  });
  const files = modules.filter(entry => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  const bytes = files.reduce((sum, file) => sum + readFileSync(file).length, 0);
  expect(bytes).toBeLessThan(MAX_INSTALLED_BYTES);
});

// In virtual time, which is in the package, too; in real time a test of Vitest does so below.
it.concurrent('runs a scenario in TypeScript that imports it, and stores the run in the project', async () => {
  const scenario = `${EXAMPLE.split("\nit('")[0]!.replace(/^import .* from 'vitest';$/m, '')}\nexport default scenario;\n`;
  writeFileSync(join(project, 'lost-replica.mts'), scenario);
  const args = [
    'squall',
    'run',
    './lost-replica.mts',
    '--platform',
    'virtual',
    '--out',
    'virtual',
    '--json',
    '--quiet',
  ];
  const { code, stdout, output } = await call('npx', args);
  expect(code, output).toBe(0);
  const { verdict, faults } = JSON.parse(stdout);
  expect([verdict, faults[0].healVerified]).toEqual(['pass', true]);
  const [run] = readdirSync(join(project, 'virtual'));
  expect(readdirSync(join(project, 'virtual', run!))).toEqual(expect.arrayContaining(['report.html', 'run.json']));
});

it.concurrent('names the packages that containers need', async () => {
  const { code, output } = await call('npx', ['squall', 'run', 'node-loss', '--platform', 'docker']);
  expect(code, output).toBe(4);
  expect(output).toContain('→ Run `npm install testcontainers@12 dockerode@5 tar-stream@3`');
});

it.concurrent('has the whole catalogue', async () => {
  const { scenarios, faults } = JSON.parse((await call('npx', ['squall', 'list', '--json'])).stdout);
  expect(scenarios.map(({ name }: { name: string }) => name)).toEqual(catalogNames());
  const kinds = faultPackages.map(({ kind }) => kind).filter(kind => kind !== 'noop');
  expect(faults.map(({ kind }: { kind: string }) => kind)).toEqual(kinds);
});

it.concurrent('is imported by a test of Vitest', async () => {
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const { code, output } = await call(process.execPath, [vitest, 'run', '--root', project]);
  expect(code, output).toBe(0);
  expect(output).toMatch(/Tests +2 passed/);
});

it.concurrent('has types that a strict compiler checks', async () => {
  const consumer = `${EXAMPLE.split("\nit('")[0]!.replace(/^import .* from 'vitest';$/m, '')}
    import { type RunResult, SquallError } from 'squall';
    const run: RunResult = await runScenario(scenario, { seed: 1, onProgress: event => void event.type });
    export const verdict: 'pass' | 'fail' | 'inconclusive' | 'invalid' = run.verdict;
    export const url: string = (await startToxiproxy({ port: 0 })).apiUrl;
    export const code = (error: unknown) => error instanceof SquallError && error.code;
    // @ts-expect-error an unknown option
    await runScenario('node-loss', { sede: 1 });
    // @ts-expect-error an unknown key of a stage
    defineScenario({ ...scenario, load: { stages: [{ bogus: '20/s', for: '4s' }] } });`;
  writeFileSync(join(project, 'consumer.mts'), consumer);
  const flags =
    '--noEmit --strict --skipLibCheck --exactOptionalPropertyTypes --target esnext --lib esnext,dom --types'.split(' ');
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const args = [tsc, ...flags, '', '--module', 'nodenext', 'consumer.mts'];
  const { code, output } = await call(process.execPath, args);
  expect(code, output).toBe(0);
});
