import { messageOf } from '../../harness/errors.ts';
import { badAutoscaler } from './bad-autoscaler.ts';
import type { AutoscalerConfig } from './config.ts';
import type { Decider } from './decider.ts';
import { hpaDecider } from './hpa-decider.ts';
import { activated } from './keda/activation.ts';
import { policyKinds } from './policy/catalog.ts';
import { importOwnPolicy } from './policy/own.ts';
import { policyDecider } from './policy/policy-decider.ts';

/** What decides, of a configuration. @throws SquallError `BAD_AUTOSCALER` for a policy of the user's own that cannot be read */
export async function deciderOf({ manifest, policy, settings, rules }: AutoscalerConfig): Promise<Decider<unknown>> {
  if (manifest) {
    const hpa = hpaDecider(manifest, settings, rules);
    return (manifest.activation ? activated(hpa, manifest.activation, rules) : hpa) as Decider<unknown>;
  }
  const { kind, minReplicas, maxReplicas, ...options } = policy!;
  const bounds = { minReplicas, maxReplicas };
  const found = policyKinds.find(candidate => candidate.kind === kind);
  if (found) {
    const { metrics, mayBeMissing = () => [], decide } = found;
    const made = { metrics: metrics(options), mayBeMissing: mayBeMissing(options), decide };
    return policyDecider(kind, made, options, bounds, rules) as Decider<unknown>;
  }
  const own = await importOwnPolicy(String(options.text)).catch(error => {
    throw badAutoscaler([`\`policy\`: ${messageOf(error)}`]);
  });
  return policyDecider(String(options.file), own, options.options, bounds, rules) as Decider<unknown>;
}
