import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { findProgram } from '../../harness/host/programs.ts';
import { temporaryFolder } from '../e2e/squall.ts';
import { missing } from '../require.ts';
import { type Place, placeIn, read, type Step, type Values } from './fixture.ts';

const ACTION = read('action.yml');
const STEPS: readonly Step[] = ACTION.runs.steps;
const DEFAULTS: Values = Object.fromEntries(
  Object.entries(ACTION.inputs as Record<string, { default?: string }>).map(([name, own]) => [
    `inputs.${name}`,
    own.default ?? '',
  ]),
);
const BRANCH = JSON.stringify({
  artifacts: [
    artifact(1, 'main', 7, '2030-01-01', false),
    artifact(2, 'main', 7, '2030-01-03', false),
    artifact(3, 'main', 8, '2030-01-04', false),
    artifact(4, 'main', 7, '2030-01-05', true),
    artifact(5, 'other', 7, '2030-01-06', false),
  ],
});

function artifact(run: number, branch: string, repository: number, created: string, expired: boolean) {
  const from = { id: run, head_branch: branch, head_repository_id: repository, repository_id: 7 };
  return { created_at: created, expired, workflow_run: from };
}

/** As `gh`: artifacts of a repository, one that holds a suite, comments, and a token that may or may not write. */
const GH = `
case "$*" in
  *actions/artifacts*) filter=$(printf '%s' "\${@: -1}"); printf '%s' "$ARTIFACTS" | jq -r "$filter" ;;
  "run download"*) folder=\${@: -1}; mkdir -p "$folder/smoke-suite-1"; echo > "$folder/smoke-suite-1/journal.ndjson" ;;
  *--paginate*) filter=$(printf '%s' "\${@: -1}"); printf '%s' "\${COMMENTS:-[]}" | jq -r "$filter" ;;
  *) [ -z "$READ_ONLY" ] || { echo 'HTTP 403: Resource not accessible by integration' >&2; exit 1; }
     for word; do case $word in body=@*) cp "\${word#body=@}" sent.md ;; esac; done ;;
esac`;
/** As squall: leaves a suite that ends with \`$EXIT\`. */
const CLI = `
const { mkdirSync, writeFileSync, appendFileSync } = require('node:fs');
const args = process.argv.slice(2);
appendFileSync('.calls', ['squall', ...args].join(' ') + '\\n');
const folder = args[args.indexOf('--out') + 1] + '/smoke-suite-2';
mkdirSync(folder, { recursive: true });
writeFileSync(folder + '/index.html', '');
writeFileSync(folder + '/summary.md', '# Suite smoke\\n');
if (args.includes('--baseline')) writeFileSync(folder + '/compare.md', '# 1 of 7 is worse\\n' + 'é'.repeat(Number(process.env.LENGTH ?? 0)));
process.exitCode = Number(process.env.EXIT ?? 0);
`;

const noJq = missing('jq', findProgram('jq') !== undefined);

let place: Place;
beforeEach(() => {
  const folder = temporaryFolder();
  onTestFinished(() => folder[Symbol.dispose]());
  place = placeIn(folder.path, { gh: GH, npm: 'mkdir -p node_modules' });
  mkdirSync(join(folder.path, 'squall/cli'), { recursive: true });
  writeFileSync(join(folder.path, 'squall/cli/bin.js'), CLI);
});

/** Runs the shell steps of the action one after the other, as a job of GitHub does. @param env of the machine */
async function act(inputs: Values, env: Values = {}, event = 'push') {
  const values: Record<string, string> = {
    ...DEFAULTS,
    ...{
      'github.action_path': join(place.folder, 'squall'),
      'github.token': 'token',
      'github.event.pull_request.number': '12',
    },
    ...{ 'steps.upload.outputs.artifact-url': 'https://github.example/artifact', 'steps.baseline.outputs.folder': '' },
    ...Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`inputs.${name}`, value])),
  };
  values['inputs.token'] = 'token';
  const conditions: Readonly<Record<string, boolean>> = {
    "inputs.compare-with != ''": values['inputs.compare-with'] !== '',
    "always() && inputs.comment == 'true' && github.event_name == 'pull_request'":
      values['inputs.comment'] === 'true' && event === 'pull_request',
    'always()': true,
  };
  let text = '';
  let code = 0;
  for (const step of STEPS.filter(({ run }) => run !== undefined)) {
    if (step.if !== undefined && !(conditions[step.if] ?? expect.unreachable(step.if))) continue;
    const result = await place.step(step, values, { ARTIFACTS: BRANCH, ...env });
    for (const [name, value] of Object.entries(result.outputs)) values[`steps.${step.id}.outputs.${name}`] = value;
    text += result.text;
    code ||= result.code;
  }
  const outputs = Object.entries(ACTION.outputs as Record<string, { value: string }>).map(([name, { value }]) => {
    const expression = /^\$\{\{ (.*) \}\}$/.exec(value)![1]!;
    return [name, values[expression]];
  });
  const calls = place.calls();
  return {
    code,
    text,
    outputs: Object.fromEntries(outputs),
    calls,
    squall: calls.filter(call => call.startsWith('squall ')),
  };
}

it('has no expression within a script, where a name of a branch would be one', () => {
  for (const path of ['action.yml', '.github/workflows/nightly.yml', '.github/workflows/compare.yml']) {
    const file = read(path);
    const jobs = Object.values((file.jobs ?? {}) as Record<string, { steps: Step[] }>);
    const scripts = [...(file.runs?.steps ?? []), ...jobs.flatMap(({ steps }) => steps)].flatMap(
      ({ run }: Step) => run ?? [],
    );
    expect(
      scripts.filter(script => /\$\{\{(?! github\.run_number \})/.test(script)),
      path,
    ).toEqual([]);
  }
});

describe.skipIf(noJq)(`a suite ${noJq || ''}`, () => {
  it.each([
    [0, 'pass'],
    [1, 'fail'],
    [4, 'error'],
    [130, 'interrupted'],
  ])('that exits with %d is a verdict, an output and the end of the job', async (exit, verdict) => {
    const { code, outputs, squall } = await act({}, { EXIT: String(exit) });
    expect(code).toBe(exit);
    const folder = 'reports/runs/squall-smoke';
    expect(outputs).toMatchObject({
      verdict,
      'exit-code': String(exit),
      folder,
      report: `${folder}/smoke-suite-2/index.html`,
    });
    expect(squall).toEqual([`squall suite smoke --out ${folder}`]);
    expect(readFileSync(join(place.folder, 'job-summary.md'), 'utf8')).toBe('# Suite smoke\n');
  });

  it('gets all that was asked for', async () => {
    rmSync(join(place.folder, 'squall/node_modules'), { recursive: true, force: true });
    const asked = {
      suite: 'my suites/night.yaml',
      platform: 'docker',
      'fail-on-missing': 'true',
      arguments: '--jobs 2',
      history: 'my history',
    };
    const { squall, outputs, calls } = await act(asked);
    const folder = 'reports/runs/squall-night-docker';
    expect(outputs.folder).toBe(folder);
    expect(squall).toEqual([
      `squall suite my suites/night.yaml --history my history --fail-on-missing --platform docker --out ${folder} --jobs 2`,
    ]);
    expect(calls.filter(call => call.startsWith('npm'))).toEqual(['npm ci --no-audit --no-fund', 'npm run images']);
  });

  it('is compared with the last one of a branch, not with that of a fork or one that is gone', async () => {
    const { squall, calls } = await act({ 'compare-with': 'main', 'fail-on-regression': 'true' });
    expect(calls.find(call => call.startsWith('gh run'))).toMatch(/^gh run download 2 .* --name squall-smoke /);
    expect(squall[0]).toMatch(/ --baseline \S+\/squall-baseline-2\/smoke-suite-1 --fail-on-regression /);
  });

  it('runs without a baseline where there is none, and says so', async () => {
    const { code, text, squall } = await act({ 'compare-with': 'release', 'fail-on-regression': 'true' });
    expect(code).toBe(0);
    expect(text).toContain('::notice title=Squall::release has kept no squall-smoke');
    expect(squall).toEqual(['squall suite smoke --out reports/runs/squall-smoke']);
  });
});

it('tests a server of one’s own with scenarios, or a suite', async () => {
  const { squall } = await act({ scenarios: './a.yaml\n./b.yaml\n', target: 'http://127.0.0.1:8000' });
  expect(squall).toEqual([
    'squall run ./a.yaml ./b.yaml --target http://127.0.0.1:8000 --out reports/runs/squall-scenarios',
  ]);
  const suite = await act({ suite: './mine.yaml', target: 'http://127.0.0.1:8000' });
  expect(suite.squall.at(-1)).toBe(
    'squall suite ./mine.yaml --target http://127.0.0.1:8000 --out reports/runs/squall-mine',
  );
});

it.each<[Values, string]>([
  [{ suite: 'smoke', scenarios: 'node-loss' }, 'Expected suite or scenarios, got both'],
  [{ scenarios: 'node-loss', 'compare-with': 'main' }, 'Expected compare-with with a suite, got scenarios'],
  [{ scenarios: 'node-loss', history: 'h' }, 'Expected history with a suite, got scenarios'],
])('refuses %j', async (inputs, message) => {
  const { code, text, squall, outputs } = await act(inputs);
  expect(code).toBe(3);
  expect(outputs.verdict).toBe('usage');
  expect(text).toContain(`::error title=Squall::${message}`);
  expect(squall).toEqual([]);
});

describe.skipIf(noJq)(`on a pull request ${noJq || ''}`, () => {
  const inputs = { 'compare-with': 'main' };
  const own = { id: 5, user: { type: 'Bot' }, body: '<!-- squall squall-smoke -->\nold' };
  const others = [
    { id: 3, user: { type: 'User' }, body: '<!-- squall squall-smoke -->\nmine' },
    { id: 4, user: { type: 'Bot' }, body: '<!-- squall other -->' },
  ];
  const written = (calls: readonly string[]) =>
    calls.filter(call => call.includes('--method P')).map(call => call.split(' -F')[0]);

  it('comments once with what changed, and then keeps that comment up to date', async () => {
    const first = await act(inputs, { COMMENTS: JSON.stringify(others) }, 'pull_request');
    expect(written(first.calls)).toEqual(['gh api --method POST repos/us/squall/issues/12/comments']);
    expect(readFileSync(join(place.folder, 'sent.md'), 'utf8')).toBe(
      '<!-- squall squall-smoke -->\n**pass** at 0123456789: [all reports](https://github.example/artifact).\n\n# 1 of 7 is worse\n# Suite smoke\n',
    );
    const next = await act(inputs, { COMMENTS: JSON.stringify([...others, own]) }, 'pull_request');
    expect(written(next.calls).at(-1)).toBe('gh api --method PATCH repos/us/squall/issues/comments/5');
  });

  it('cuts what is longer than a comment may be, and says so before it', async () => {
    await act(inputs, { COMMENTS: '[]', LENGTH: '80000' }, 'pull_request');
    const sent = readFileSync(join(place.folder, 'sent.md'), 'utf8');
    expect(sent.split('\n')[1]).toMatch(/^\*\*pass\*\* at .*\[all reports\]\(.*\)\. What follows is cut/);
    expect(sent.length).toBeLessThan(65_536);
  });

  it('of a fork leaves the verdict alone, and says where the results are', async () => {
    const { code, text } = await act(inputs, { READ_ONLY: '1', EXIT: '1' }, 'pull_request');
    expect(code).toBe(1);
    expect(text).toMatch(/::notice title=Squall::This token may not comment .*summary of the job/);
  });

  it('is left alone where nobody wants a comment', async () => {
    const { calls } = await act({ ...inputs, comment: 'false' }, {}, 'pull_request');
    expect(written(calls)).toEqual([]);
  });
});
