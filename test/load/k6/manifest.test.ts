import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { k6OperatorManifest } from '../../../load/k6/manifest.ts';
import { findK6 } from '../../../load/k6/program/find.ts';
import { expectRefusal, squall } from '../../e2e/squall.ts';
import { missing } from '../../require.ts';
import { rig } from '../rig.ts';
import { TEST_RUN } from './test-run-schema.ts';

const k6 = await findK6();
const reason = missing('k6', k6 !== undefined);

interface Document {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data: Record<string, string>;
  readonly spec: Record<string, unknown>;
}

function manifestText(): string {
  using prepared = rig({ perSecond: 30, forMs: 2000, warmUpMs: 1000, maxInFlight: 40, targets: ['http://unused'] });
  return k6OperatorManifest({
    ...{ name: 'spike', plan: prepared.job.plan, seed: 7, targets: ['http://gateway.default.svc:8000/'] },
    ...{ parallelism: 4, separate: true, image: 'grafana/k6:2.2.0', secret: 'squall' },
  });
}

const manifest = () => documentsOf(manifestText());

function documentsOf(text: string): [configMap: Document, testRun: Document] {
  return parseAllDocuments(text).map(document => document.toJS()) as [Document, Document];
}

const validate = new Ajv({ allowUnionTypes: true }).compile(TEST_RUN);

describe('the manifest for the k6 operator', () => {
  it('is a TestRun as its CRD describes one, and its script is in the ConfigMap', () => {
    const [configMap, testRun] = manifest();
    expect(validate(testRun), JSON.stringify(validate.errors)).toBe(true);
    expect(configMap).toMatchObject({ kind: 'ConfigMap', metadata: { name: 'spike' } });
    expect(testRun.spec).toMatchObject({ parallelism: 4, separate: true });
    expect(testRun.spec.script).toEqual({ configMap: { name: 'spike', file: 'load.ts' } });
    expect(Object.keys(configMap.data).every(key => /^[-._a-zA-Z0-9]+$/.test(key))).toBe(true);
    expect(JSON.parse(configMap.data['plan.json']!)).toMatchObject({ seed: 7, maxInFlight: 40 });
  });

  it('can be read: the script stands there line by line', () => {
    expect(manifestText()).toContain("\n    import exec from 'k6/execution';\n    import http,");
  });

  it('is not what a misspelt or mistyped one would be', () => {
    const [, testRun] = manifest();
    expect(validate({ ...testRun, spec: { ...testRun.spec, paralellism: 4 } })).toBe(false);
    expect(validate({ ...testRun, spec: { ...testRun.spec, separate: 'true' } })).toBe(false);
  });

  it('keeps the authorization out of the ConfigMap', () => {
    const [configMap, testRun] = manifest();
    expect(configMap.data['plan.json']).not.toMatch(/authorization|Bearer/i);
    expect(JSON.stringify(testRun)).toContain('"secretKeyRef":{"name":"squall","key":"authorization"}');
  });

  it.skipIf(Boolean(reason))(`holds all that k6 needs to run it ${reason || ''}`, () => {
    const [configMap] = manifest();
    const folder = mkdtempSync(join(tmpdir(), 'squall-manifest-'));
    try {
      for (const [name, text] of Object.entries(configMap.data)) writeFileSync(join(folder, name), text);
      const told = execFileSync(k6!.command, ['inspect', 'load.ts'], { cwd: folder, encoding: 'utf8' });
      expect(JSON.parse(told).scenarios.load).toMatchObject({
        executor: 'ramping-arrival-rate',
        preAllocatedVUs: 40,
        startRate: 30 * 3600,
        timeUnit: '1h0m0s',
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('squall k6-operator', () => {
  const SCENARIO = join(import.meta.dirname, '../../e2e/fixtures/plain-http.yaml');

  it('prints a valid TestRun, and a ConfigMap with every target', async () => {
    const urls = ['--url', 'http://a.default.svc:8000', '--url', 'http://b.default.svc:8000'];
    const pods = ['--parallelism', '3', '--separate', '--secret', 'keys'];
    const { code, stdout, stderr } = await squall(['k6-operator', SCENARIO, ...urls, ...pods]);
    expect(code, stderr).toBe(0);
    const [configMap, testRun] = documentsOf(stdout);
    expect(validate(testRun), JSON.stringify(validate.errors)).toBe(true);
    expect(testRun.spec).toMatchObject({ parallelism: 3, separate: true, runner: { env: [{ valueFrom: {} }] } });
    expect(JSON.parse(configMap.data['plan.json']!).targets).toEqual([urls[1], urls[3]]);
  });

  it('takes keys from a Secret, by the names of their variables, and holds prompts, body and salt', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'squall-operator-'));
    try {
      const file = join(folder, 'prompts.txt');
      writeFileSync(file, 'one\ntwo\n');
      const sets = ['load.engine=k6', 'load.arrivals=constant', 'load.body.seed=7', 'load.stages.0={at: 5/s, for: 5s}'];
      const workload = `load.workload={prompts: {file: ${file}}, outputTokens: 5}`;
      const changes = [...sets, workload].flatMap(set => ['--set', set]);
      const own = ['-H', 'api-key: env:SQUALL_TEST_ELSEWHERE', '--salt', 'abc', '--url', 'http://a'];
      const args = ['k6-operator', 'step-load', ...own, ...changes];
      const { code, stdout, stderr } = await squall([...args, '--secret', 'keys']);
      expect(code, stderr).toBe(0);
      const [configMap, testRun] = documentsOf(stdout);
      const plan = JSON.parse(configMap.data['plan.json']!);
      expect(plan).toMatchObject({
        salt: 'abc',
        body: { seed: 7 },
        headers: { 'api-key': 'env:SQUALL_TEST_ELSEWHERE' },
      });
      expect(JSON.parse(configMap.data['prompts.json']!)).toHaveLength(2);
      expect(JSON.stringify(testRun)).toContain('"secretKeyRef":{"name":"keys","key":"SQUALL_TEST_ELSEWHERE"}');
      await expectRefusal(args, 3, [/--secret.*SQUALL_TEST_ELSEWHERE/, /kubectl create secret/]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  // A script without targets would ask for `undefined/well`.
  it('wants to know where clients send to', async () => {
    const { stdout } = await expectRefusal(['k6-operator', SCENARIO], 3, [/--url/]);
    expect(stdout).toBe('');
  });
});
