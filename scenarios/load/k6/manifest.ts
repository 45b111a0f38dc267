import { readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { stringify } from 'yaml';
import type { LoadPlan } from '../../../harness/plan.ts';
import { scriptPlan } from '../../k6/plan.ts';

/** What {@link k6OperatorManifest} is told. */
export interface ManifestOptions {
  /** Of the test run and of its ConfigMap; a DNS label. */
  readonly name: string;
  readonly plan: LoadPlan;
  readonly seed: number;
  /** Base URLs as pods of the cluster reach them. */
  readonly targets: readonly string[];
  /** Pods that share the load, ≥ 1. */
  readonly parallelism: number;
  /** Whether each pod wants a node of its own. */
  readonly separate: boolean;
  readonly image: string;
  /** Name of a Secret whose key `authorization` holds the header's value; undefined for none. */
  readonly secret: string | undefined;
}

const ROOT = resolve(import.meta.dirname, '../../..');
const SCRIPT = join(ROOT, 'scenarios/k6/load.ts');
const ENTRY = 'load.ts';

/**
 * What the k6 operator needs to drive the load of a plan from several pods, as YAML: a ConfigMap with the script, the modules it
 * imports and the plan, and the `TestRun` (k6.io/v1alpha1) that runs it. k6 divides the arrivals among the pods; each request is
 * told in two lines of its pod's log, and nobody merges them.
 */
export function k6OperatorManifest(options: ManifestOptions): string {
  const { name, plan, seed, targets, parallelism, separate, image, secret } = options;
  const valueFrom = { secretKeyRef: { name: secret, key: 'authorization' } };
  const env = secret === undefined ? {} : { env: [{ name: 'SQUALL_AUTHORIZATION', valueFrom }] };
  const metadata = { name, labels: { 'app.kubernetes.io/managed-by': 'squall' } };
  const configMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata,
    data: { ...bundle(SCRIPT), 'plan.json': JSON.stringify(scriptPlan(plan, seed, targets), null, 2) },
  };
  const testRun = {
    apiVersion: 'k6.io/v1alpha1',
    kind: 'TestRun',
    metadata,
    spec: {
      parallelism,
      separate,
      quiet: 'true',
      script: { configMap: { name, file: ENTRY } },
      arguments: '--no-thresholds --summary-mode=disabled --log-format=raw',
      initializer: { image, ...env },
      runner: { image, ...env },
    },
  };
  return [configMap, testRun].map(document => stringify(document)).join('---\n');
}

/**
 * A script and the modules it imports, as files of one folder: a ConfigMap has no folders. k6 strips the types itself, so the
 * texts are those of the checkout but for the names in their imports.
 */
function bundle(entry: string): Record<string, string> {
  const files: Record<string, string> = {};
  const nameOf = (path: string) => (path === entry ? ENTRY : relative(ROOT, path).replaceAll('/', '-'));
  const add = (path: string) => {
    if (files[nameOf(path)] !== undefined) return;
    const imported: string[] = [];
    // Types leave no import behind.
    const text = readFileSync(path, 'utf8')
      .replaceAll(/^import type [^;]*;\n/gm, '')
      .replaceAll(/^(import [^;]*? from )'(\.[^']*)';$/gm, (_, begin: string, target: string) => {
        const file = resolve(dirname(path), target);
        imported.push(file);
        return `${begin}'./${nameOf(file)}';`;
      });
    files[nameOf(path)] = text;
    for (const file of imported) add(file);
  };
  add(entry);
  return files;
}
