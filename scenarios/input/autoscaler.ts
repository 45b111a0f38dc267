import { messageOf, SquallError } from '../../harness/errors.ts';
import { pathFrom, readText } from '../../harness/input/files.ts';
import { type Manifest, readManifest } from '../../stack/autoscaler/manifest.ts';
import { candidates, nameOf } from '../../stack/autoscaler/measure/measure.ts';
import type { Rule } from '../../stack/autoscaler/measure/rule.ts';
import { rulesOfMetric } from '../../stack/autoscaler/measure/whole.ts';
import type { AutoscalerOptions } from '../../stack/autoscaler/options.ts';
import { type PolicyOptions, policyKinds, policyOptionsSchema } from '../../stack/autoscaler/policy/catalog.ts';
import { ownPolicyText, requireOwnPolicy } from '../../stack/autoscaler/policy/own.ts';
import type { Policy } from '../../stack/autoscaler/policy/policy.ts';
import type { SettledOptions, StackOptions } from '../../stack/options.ts';
import { badScenario } from '../bad-scenario.ts';
import { requirePlain } from './plain.ts';
import { parseYamlDocuments } from './yaml.ts';

const FIELD = 'stack.autoscaler';
/** Maximum size of the file of an HPA. */
export const MAX_BYTES = 256 * 1024;
/** Of a policy, which is handed on in an environment variable. */
const MAX_POLICY_BYTES = 64 * 1024;

/** Stack options whose autoscaler has the content of its file, and what that says in vain. */
export interface WithAutoscaler<Options> {
  readonly stack: Options;
  readonly notes: readonly string[];
  /** What its file says, unless it is a policy. */
  readonly manifest?: Manifest;
  /** How its metrics may be measured, by name. */
  readonly metrics: ReadonlyMap<string, readonly Rule[]>;
}

/**
 * Reads the file of a stack's autoscaler, and checks that it can run: that it is valid, that there is a Scale API, and that every metric
 * can be measured.
 * @param folder base of a relative path
 * @throws SquallError `BAD_AUTOSCALER`, or `BAD_SCENARIO` that names the field
 */
export function withAutoscaler<Options extends Pick<StackOptions, 'autoscaler' | 'control'>>(
  stack: Options,
  folder: string,
): WithAutoscaler<Options> {
  const { autoscaler, control } = stack;
  if (autoscaler === 'off') return { stack, notes: [], metrics: new Map() };
  if (control === 'off')
    throw badScenario('stack.control', 'on, since an autoscaler scales through it (`control: {}`)', control);
  if (autoscaler.policy !== undefined) {
    const { policy, metrics } = settledPolicy(autoscaler.policy, autoscaler, folder);
    return { stack: { ...stack, autoscaler: { ...autoscaler, policy } }, notes: [], metrics };
  }
  const { hpa, scaleToZero } = autoscaler;
  const document = typeof hpa === 'string' ? documentIn(hpa, folder) : hpa;
  const manifest = inFile(hpa, 'hpa', () => readManifest(document, scaleToZero));
  const rules = { ...manifest.rules, ...autoscaler.rules };
  const metrics = new Map(manifest.spec.metrics.map(metric => [nameOf(metric), candidates(metric, rules)]));
  for (const metric of manifest.spec.metrics) {
    const isResource = metric.type === 'Resource' || metric.type === 'ContainerResource';
    if (candidates(metric, rules).length === 0) throw unmeasured(nameOf(metric), isResource, autoscaler);
  }
  const options: AutoscalerOptions = { ...autoscaler, hpa: document as Record<string, unknown> };
  const notes = manifest.notes.map(note => `Autoscaler: ${note}.`);
  return { stack: { ...stack, autoscaler: options }, notes, manifest, metrics };
}

/**
 * Checks that an autoscaler that reads Prometheus has one.
 * @param written `stack.prometheus` before `auto` was settled
 * @throws SquallError `BAD_SCENARIO` that names the field
 */
export function requirePrometheus({ autoscaler, prometheus }: SettledOptions, written: unknown): void {
  if (autoscaler === 'off' || autoscaler.metricsFrom === 'scrape' || prometheus !== 'off') return;
  const hint = written === 'auto' ? ', and no `prometheus` on this machine: install it, or use --platform docker' : '';
  const expected = `on, since \`${FIELD}.metricsFrom\` is prometheus (\`prometheus: {}\`)`;
  throw badScenario('stack.prometheus', expected, written, hint);
}

/** Options of a policy, with the text of its file if it is the user's own, and how each of its metrics is measured, once all can be. */
function settledPolicy(
  written: NonNullable<AutoscalerOptions['policy']>,
  autoscaler: AutoscalerOptions,
  folder: string,
): { readonly policy: PolicyOptions; readonly metrics: WithAutoscaler<never>['metrics'] } {
  const options = (
    typeof written === 'string' ? policyOptionsSchema.parse({ kind: 'own', file: written }) : written
  ) as PolicyOptions;
  const { kind, file } = options as PolicyOptions & { readonly file: string };
  const found = policyKinds.find(candidate => candidate.kind === kind);
  const own = found ? undefined : ownPolicy(options, folder);
  const metrics = new Map<string, readonly Rule[]>();
  for (const [name, metric] of Object.entries(own?.policy.metrics ?? found!.metrics(options))) {
    metrics.set(name, rulesOfMetric(name, metric, autoscaler.rules));
    if (metrics.get(name)!.length === 0) throw unmeasured(name, metric === 'cpu' || metric === 'memory', autoscaler);
  }
  return { policy: own ? { ...options, file, text: own.text } : options, metrics };
}

function ownPolicy(options: PolicyOptions, folder: string): { readonly policy: Policy; readonly text: string } {
  const { file, text } = options as PolicyOptions & { readonly file: string; readonly text?: string };
  if (text !== undefined)
    throw badScenario(`${FIELD}.policy.text`, 'left out: the policy is read from its `file`', text.slice(0, 40));
  const path = pathFrom(file, folder);
  return inFile(file, 'policy', () => ({
    text: ownPolicyText(path, readText(path, MAX_POLICY_BYTES)),
    policy: requireOwnPolicy(path),
  }));
}

function unmeasured(name: string, isResource: boolean, { rules }: AutoscalerOptions): SquallError {
  const why = isResource ? 'which simulated replicas do not use' : 'which nothing says how to measure';
  const example = isResource ? 'DCGM_FI_DEV_GPU_UTIL, factor: 0.01' : '…';
  return badScenario(
    `${FIELD}.rules`,
    `a rule for the metric ${name}, ${why}, as in \`${FIELD}.rules: { ${name}: { series: ${example} } }\``,
    rules,
  );
}

function documentIn(written: string, folder: string): unknown {
  return inFile(written, 'hpa', () => {
    const objects = objectsIn(readText(pathFrom(written, folder), MAX_BYTES));
    const autoscalers = objects.filter(object => KINDS.includes(String(object?.kind)));
    if (objects.length < 2 || autoscalers.length === 1) return autoscalers[0] ?? objects[0];
    const what = autoscalers.length === 0 ? 'no' : 'more than one';
    throw new Error(`it has several objects, and ${what} HorizontalPodAutoscaler or ScaledObject; keep only that one`);
  });
}

const KINDS = ['HorizontalPodAutoscaler', 'ScaledObject'];
const MAX_DOCUMENTS = 200;

/** Objects of all documents of a file, as `kubectl get -o yaml`, `helm template` and `kustomize build` print them: also those of lists. */
function objectsIn(text: string): (Record<string, unknown> | null)[] {
  if ((text.match(/^---/gm)?.length ?? 0) > MAX_DOCUMENTS)
    throw new Error(`it has more than ${MAX_DOCUMENTS} documents`);
  return parseYamlDocuments(text).flatMap(value => {
    requirePlain(value);
    if (value === null || typeof value !== 'object') return value === null ? [] : [value as never];
    const { kind, items } = value as Record<string, unknown>;
    return String(kind).endsWith('List') && Array.isArray(items) ? items : [value];
  });
}

/** Names the file in what is wrong with it. @throws SquallError `BAD_AUTOSCALER` for any error of `read` */
export function inFile<T>(written: unknown, key: 'hpa' | 'policy', read: () => T): T {
  try {
    return read();
  } catch (error) {
    const found = messageOf(error).includes('multiple documents')
      ? 'it has several documents; keep only that of the HorizontalPodAutoscaler'
      : messageOf(error);
    const name = typeof written === 'string' ? written : `\`${FIELD}.${key}\``;
    const next = (error instanceof SquallError && error.next) || NEXT[key];
    throw new SquallError('scenario', 'BAD_AUTOSCALER', `${name}: ${found}`, { next, cause: error });
  }
}

const NEXT = {
  hpa: 'Give the path of a YAML or JSON file.',
  policy: 'Give the path of a TypeScript or JavaScript file; docs/autoscaler.md has an example.',
};
