import { stringify } from 'yaml';
import { modulePath } from '../../harness/host/modules.ts';
import type { LoadPlan } from '../../harness/plan.ts';
import { readAllPrompts } from '../request/prompts-file.ts';
import { variablesOf } from '../request/secrets.ts';
import { bundle, ENTRY } from './program/bundle.ts';
import { scriptPlan } from './script/plan.ts';

/** Options of {@link k6OperatorManifest}. */
export interface ManifestOptions {
  /** Name of the test run and its ConfigMap; a DNS label. */
  readonly name: string;
  readonly plan: LoadPlan;
  readonly seed: number;
  /** Base URLs that pods of the cluster can reach. */
  readonly targets: readonly string[];
  /** Number of pods that generate the load, ≥ 1. */
  readonly parallelism: number;
  /** Whether each pod needs its own node. */
  readonly separate: boolean;
  readonly image: string;
  /** Name of a Secret: its key `authorization` is the value of that header, and others are the variables of headers; undefined for none. */
  readonly secret: string | undefined;
}

const SCRIPT = modulePath('./script/load', import.meta.url);

/**
 * YAML for the k6 operator to generate the load of a plan from several pods: a ConfigMap with the script, the modules it imports and
 * the plan, and the `TestRun` (k6.io/v1alpha1) that runs it. k6 divides the arrivals, or the users, among the pods. Each request is two
 * lines in the log of its pod; the logs are not merged.
 */
export function k6OperatorManifest(options: ManifestOptions): string {
  const { name, plan, seed, targets, parallelism, separate, image, secret } = options;
  const fromSecret = (variable: string, key: string) => ({
    name: variable,
    valueFrom: { secretKeyRef: { name: secret, key } },
  });
  // Variables of headers are keys of the Secret, under their own names.
  const variables = variablesOf(plan).map(variable => fromSecret(variable, variable));
  const env = secret === undefined ? {} : { env: [fromSecret('SQUALL_AUTHORIZATION', 'authorization'), ...variables] };
  const prompts = readAllPrompts(plan)(plan.workload);
  const metadata = { name, labels: { 'app.kubernetes.io/managed-by': 'squall' } };
  const configMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata,
    data: {
      ...bundle(SCRIPT),
      'plan.json': JSON.stringify(scriptPlan({ runId: name, plan, seed, targets }), null, 2),
      ...(prompts && { 'prompts.json': JSON.stringify(prompts) }),
    },
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
  return [configMap, testRun].map(document => stringify(document, { blockQuote: 'literal' })).join('---\n');
}
