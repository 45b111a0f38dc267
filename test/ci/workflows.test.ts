import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { findProgram } from '../../harness/host/programs.ts';
import { temporaryFolder } from '../e2e/squall.ts';
import { everyKind } from '../reports/suites.ts';
import { missing } from '../require.ts';
import { placeIn, ROOT, read, type Step } from './fixture.ts';

const actionlint = findProgram('actionlint')?.command;
const noActionlint = missing('actionlint', actionlint !== undefined);

/** What actionlint says about the workflows of a copy of the checkout. @param change of a workflow's text */
async function lint(name: string, change: (text: string) => string): Promise<string> {
  using copy = temporaryFolder();
  cpSync(join(ROOT, '.github'), join(copy.path, '.github'), { recursive: true });
  cpSync(join(ROOT, 'action.yml'), join(copy.path, 'action.yml'));
  // By which it knows where the project begins, to which `uses: ./` leads.
  mkdirSync(join(copy.path, '.git'));
  const path = join(copy.path, '.github/workflows', name);
  const text = change(readFileSync(path, 'utf8'));
  writeFileSync(path, text);
  return await new Promise(done => {
    execFile(actionlint!, ['-no-color', '-shellcheck='], { cwd: copy.path }, (error, stdout, stderr) =>
      done(error ? stdout + stderr || String(error) : ''),
    );
  });
}

describe.skipIf(Boolean(noActionlint))(`workflows ${noActionlint || ''}`, () => {
  it('are as GitHub takes them, and use the action as it is', async () => {
    expect(await lint('nightly.yml', text => text)).toBe('');
  });

  it.each<[string, string, string, RegExp]>([
    [
      'an input that the action has not',
      'fail-on-missing: true',
      'fail-on-missed: true',
      /"fail-on-missed" is not defined/,
    ],
    ['an expression that means nothing', 'matrix.platform == ', 'matrix.platfrom == ', /"platfrom" is not defined/],
    [
      'a permission that does not exist',
      'pages: write',
      'pages: yes',
      /"yes" is invalid as permission of scope "pages"/,
    ],
    ['a job that waits for none', 'needs: prove', 'needs: proof', /needs job "proof" which does not exist/],
  ])('are refused with %s', async (_, from, to, message) => {
    const found = await lint('nightly.yml', text => {
      expect(text).toContain(from);
      return text.replace(from, to);
    });
    expect(found).toMatch(message);
  });
});

it('have no right that is not named, and no more than they use', () => {
  const rights = (path: string) => {
    const { permissions, jobs } = read(path);
    expect(permissions, path).toEqual({});
    return Object.fromEntries(
      Object.entries(jobs as Record<string, { permissions: object }>).map(([name, job]) => [name, job.permissions]),
    );
  };
  const reading = { contents: 'read', actions: 'read' };
  expect(rights('.github/workflows/nightly.yml')).toEqual({
    prove: reading,
    pages: { ...reading, pages: 'write', 'id-token': 'write' },
    explore: { contents: 'read' },
  });
  expect(rights('.github/workflows/compare.yml')).toEqual({ smoke: { ...reading, 'pull-requests': 'write' } });
});

it('make a site of the last nights, whose page leads to each', async () => {
  using folder = temporaryFolder();
  const suite = JSON.stringify({ ...everyKind, startedAt: '2030-01-02T03:04:05.000Z' });
  const place = placeIn(folder.path, {
    gh: `
case "$*" in
  *name=history*) echo "6 2030-01-06"; echo "5 2030-01-05" ;;
  *actions/artifacts*) case "$*" in *name=nightly-docker*) ;; *) for run in 9 8 7; do echo "$run 2030-01-0$run"; done ;; esac ;;
  "run download 8"*) exit 1 ;;
  "run download 6"*) mkdir -p site/history; touch site/history/nightly-suite-0.parquet ;;
  *) out="\${@: -1}/nightly-suite-1"; mkdir -p "$out"; touch "$out/index.html" "$out/summary.md" "$out/requests.parquet"; printf '%s' '${suite.replaceAll("'", "'\\''")}' > "$out/suite.json" ;;
esac`,
    npx: 'touch site/history/index.html; exit 4',
  });
  symlinkSync(join(ROOT, '.ci'), join(folder.path, '.ci'));
  const steps: Step[] = read('.github/workflows/nightly.yml').jobs.pages.steps;
  const gather = steps.find(({ name }) => name === 'gather')!;
  // As GitHub runs a step of a workflow that names no shell.
  const env = { GH_TOKEN: 'token', NIGHTS: '2' };
  const { code, text } = await place.run(gather.run!, env, ['bash', '-e']);
  expect(code, text).toBe(0);
  expect(text).toContain('::warning::The results of 8 on virtual are gone');
  const site = join(folder.path, 'site');
  const page = readFileSync(join(site, 'index.html'), 'utf8');
  for (const platform of ['virtual', 'process']) {
    const path = `2030-01-09-9/${platform}/nightly-suite-1`;
    expect(page).toContain(`href="${path}/index.html"`);
    expect(existsSync(join(site, path, 'index.html'))).toBe(true);
    expect(existsSync(join(site, path, 'requests.parquet'))).toBe(false);
    // The page of the suite leads to it.
    expect(existsSync(join(site, path, 'summary.md'))).toBe(true);
  }
  const suites = ['process', 'virtual'].map(platform => `site/2030-01-09-9/${platform}/nightly-suite-1`);
  expect(place.calls()).toContain(`npx squall trend site/history ${suites.join(' ')} --out site --keep-days 365`);
  expect(text).toContain('::warning::Some of the history could not be read');
  expect(page).toContain('href="history/index.html"');
  expect(existsSync(join(site, 'history/nightly-suite-0.parquet'))).toBe(true);
  expect(page).not.toContain('2030-01-07');
  expect(page).not.toContain('<script>alert');
});

describe('the component of GitLab', () => {
  const [spec, jobs] = parseAllDocuments(readFileSync(join(ROOT, 'templates/squall.yml'), 'utf8')).map(one =>
    one.toJS(),
  );
  const { before_script: before, script, variables } = jobs.squall;
  const PROJECT = 'https://gitlab.example/api/v4/projects/1';
  /** Runs the job as GitLab's runner does. @param curl that stands in for the API */
  async function job(curl: string, env: Readonly<Record<string, string>>) {
    using folder = temporaryFolder();
    const place = placeIn(folder.path, {
      npm: '',
      npx: 'mkdir -p reports/runs/a; echo "# Suite" > reports/runs/a/summary.md; exit $EXIT',
      unzip: 'mkdir -p baseline/reports/runs/smoke-suite-1; echo > baseline/reports/runs/smoke-suite-1/journal.ndjson',
      curl,
    });
    const own = {
      ...{
        CI_API_V4_URL: 'https://gitlab.example/api/v4',
        CI_PROJECT_ID: '1',
        CI_JOB_TOKEN: 'secret',
        CI_JOB_NAME: 'squall',
      },
      ...{ CI_DEFAULT_BRANCH: 'main', CI_MERGE_REQUEST_IID: '', SQUALL_GITLAB_TOKEN: '', ...variables },
      ...{ EXIT: '0', SQUALL_SUITE: spec.spec.inputs.suite.default, ...env },
    };
    const result = await place.run([...before, ...script].join('\n'), own, ['bash', '-e', '-o', 'pipefail']);
    return { ...result, calls: place.calls(), note: existsSync(join(folder.path, 'note.md')) };
  }
  const merge = { CI_MERGE_REQUEST_IID: '3', SQUALL_GITLAB_TOKEN: 'secret' };

  it('runs a suite against that of the default branch, and ends as it does', async () => {
    expect(variables.SQUALL_SUITE).toBe('$[[ inputs.suite ]]');
    const { code, calls } = await job('', { EXIT: '1' });
    expect(code).toBe(1);
    expect(calls[1]).toMatch(new RegExp(`^curl .* ${PROJECT}/jobs/artifacts/main/download\\?job=squall`));
    expect(calls.at(-1)).toBe(
      'npx squall suite smoke --out reports/runs --baseline baseline/reports/runs/smoke-suite-1',
    );
  });

  it('appends the suite of the default branch to a history, which is kept after failures too', async () => {
    const { rules, cache, artifacts } = jobs.squall;
    const own = rules.find((rule: { if: string }) => rule.if.includes('$CI_COMMIT_BRANCH')).variables;
    const { calls } = await job('exit 22', own);
    expect(calls.at(-1)).toBe('npx squall suite smoke --out reports/runs --history squall-history');
    expect(cache).toMatchObject({ paths: ['squall-history'], policy: '$SQUALL_CACHE', when: 'always' });
    expect([variables.SQUALL_CACHE, own.SQUALL_CACHE]).toEqual(['pull', 'pull-push']);
    expect(artifacts.paths).toContain('squall-history');
  });

  it('runs without one where the default branch kept no suite', async () => {
    const { code, calls } = await job(
      'rm -rf .bin/unzip; printf "#!/bin/sh\\nmkdir -p baseline" > .bin/unzip; chmod +x .bin/unzip',
      {},
    );
    expect(code).toBe(0);
    expect(calls.at(-1)).toBe('npx squall suite smoke --out reports/runs');
  });

  it('runs without one the first time', async () => {
    const { code, calls } = await job('exit 22', {});
    expect(code).toBe(0);
    expect(calls.at(-1)).toBe('npx squall suite smoke --out reports/runs');
  });

  it.each([
    [
      'writes a note',
      '[{"id":4,"body":"Hello"}]',
      `--request POST --data-urlencode body@note.md ${PROJECT}/merge_requests/3/notes`,
    ],
    [
      'brings it up to date',
      '[{"id":4,"body":"Hello"},{"id":5,"body":"<!-- squall -->"}]',
      `PUT --data-urlencode body@note.md ${PROJECT}/merge_requests/3/notes/5`,
    ],
  ])('%s on a merge request', async (_, notes, last) => {
    const { code, calls, text } = await job(`case "$*" in *notes?per_page*) echo '${notes}' ;; esac`, merge);
    expect(code, text).toBe(0);
    expect(calls.at(-1)).toContain(last);
  });

  it('keeps its verdict where the token may not write', async () => {
    const { code, text } = await job(`case "$*" in *notes?per_page*) echo '[]' ;; *notes*) exit 22 ;; esac`, {
      ...merge,
      EXIT: '2',
    });
    expect(code).toBe(2);
    expect(text).toContain('The note could not be written.');
  });
});
