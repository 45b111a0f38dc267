import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { findK6 } from '../../../../scenarios/load/k6/find.ts';
import { k6OperatorManifest } from '../../../../scenarios/load/k6/manifest.ts';
import { missing } from '../../../require.ts';
import { rig } from '../rig.ts';

const env = {
  type: 'array',
  items: {
    type: 'object',
    properties: {
      name: { type: 'string' },
      value: { type: 'string' },
      valueFrom: {
        type: 'object',
        properties: {
          secretKeyRef: {
            type: 'object',
            properties: { name: { type: 'string' }, key: { type: 'string' } },
            required: ['key'],
            additionalProperties: false,
          },
        },
        additionalProperties: false,
      },
    },
    required: ['name'],
    additionalProperties: false,
  },
};
const pod = { type: 'object', properties: { image: { type: 'string' }, env }, additionalProperties: false };

/** The fields of a TestRun that are used, as the operator's CRD (k6.io_testruns, 2026-08) types them; others are unknown here. */
const TEST_RUN = {
  type: 'object',
  properties: {
    apiVersion: { const: 'k6.io/v1alpha1' },
    kind: { const: 'TestRun' },
    metadata: { type: 'object' },
    spec: {
      type: 'object',
      properties: {
        parallelism: { type: 'integer', minimum: 1, maximum: 2147483647 },
        separate: { type: 'boolean' },
        quiet: { type: 'string' },
        arguments: { type: 'string' },
        script: {
          type: 'object',
          properties: {
            configMap: {
              type: 'object',
              properties: { name: { type: 'string' }, file: { type: 'string' } },
              required: ['name'],
              additionalProperties: false,
            },
          },
          additionalProperties: false,
        },
        initializer: pod,
        runner: pod,
      },
      required: ['parallelism', 'script'],
      additionalProperties: false,
    },
  },
  required: ['apiVersion', 'kind', 'metadata', 'spec'],
  additionalProperties: false,
};

const k6 = await findK6();
const reason = missing('k6', k6 !== undefined);

interface Document {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data: Record<string, string>;
  readonly spec: Record<string, unknown>;
}

function manifest(): [configMap: Document, testRun: Document] {
  using prepared = rig({ perSecond: 30, forMs: 2000, warmUpMs: 1000, maxInFlight: 40, targets: ['http://unused'] });
  const text = k6OperatorManifest({
    ...{ name: 'spike', plan: prepared.job.plan, seed: 7, targets: ['http://gateway.default.svc:8000/'] },
    ...{ parallelism: 4, separate: true, image: 'grafana/k6:2.2.0', secret: 'squall' },
  });
  return parseAllDocuments(text).map(document => document.toJS()) as [Document, Document];
}

describe('the manifest for the k6 operator', () => {
  const validate = new Ajv().compile(TEST_RUN);

  it('is a TestRun as its CRD describes one, and its script is in the ConfigMap', () => {
    const [configMap, testRun] = manifest();
    expect(validate(testRun), JSON.stringify(validate.errors)).toBe(true);
    expect(configMap).toMatchObject({ kind: 'ConfigMap', metadata: { name: 'spike' } });
    expect(testRun.spec).toMatchObject({ parallelism: 4, separate: true });
    expect(testRun.spec.script).toEqual({ configMap: { name: 'spike', file: 'load.ts' } });
    expect(Object.keys(configMap.data).every(key => /^[-._a-zA-Z0-9]+$/.test(key))).toBe(true);
    expect(JSON.parse(configMap.data['plan.json']!)).toMatchObject({ seed: 7, maxInFlight: 40 });
  });

  it('is not what a misspelt or mistyped one would be', () => {
    const [, testRun] = manifest();
    expect(validate({ ...testRun, spec: { ...testRun.spec, paralellism: 4 } })).toBe(false);
    expect(validate({ ...testRun, spec: { ...testRun.spec, separate: 'true' } })).toBe(false);
  });

  it('keeps the authorization out of the ConfigMap', () => {
    const [configMap, testRun] = manifest();
    expect(JSON.stringify(configMap)).not.toContain('Bearer');
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
