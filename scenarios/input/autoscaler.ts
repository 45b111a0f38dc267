import { messageOf, SquallError } from '../../harness/errors.ts';
import { pathFrom, readText } from '../../harness/input/files.ts';
import { readManifest } from '../../stack/autoscaler/manifest.ts';
import { candidates, nameOf } from '../../stack/autoscaler/measure/measure.ts';
import type { AutoscalerOptions } from '../../stack/autoscaler/options.ts';
import type { StackOptions } from '../../stack/options.ts';
import { badScenario } from '../bad-scenario.ts';
import { requirePlain } from './plain.ts';
import { parseYaml } from './yaml.ts';

const FIELD = 'stack.autoscaler';
const MAX_BYTES = 256 * 1024;

/** Stack options whose autoscaler has the content of its file, and what that says in vain. */
export interface WithAutoscaler<Options> {
  readonly stack: Options;
  readonly notes: readonly string[];
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
  if (autoscaler === 'off') return { stack, notes: [] };
  if (control === 'off')
    throw badScenario('stack.control', 'on, since an autoscaler scales through it (`control: {}`)', control);
  const { hpa, scaleToZero } = autoscaler;
  const document = typeof hpa === 'string' ? documentIn(hpa, folder) : hpa;
  const manifest = inFile(hpa, () => readManifest(document, scaleToZero));
  const rules = { ...manifest.rules, ...autoscaler.rules };
  for (const metric of manifest.spec.metrics) {
    const name = nameOf(metric);
    const isResource = metric.type === 'Resource' || metric.type === 'ContainerResource';
    const why = isResource ? 'which simulated replicas do not use' : 'which nothing says how to measure';
    const example = isResource ? 'DCGM_FI_DEV_GPU_UTIL, factor: 0.01' : '…';
    if (candidates(metric, rules).length === 0)
      throw badScenario(
        `${FIELD}.rules`,
        `a rule for the metric ${name}, ${why}, as in \`${FIELD}.rules: { ${name}: { series: ${example} } }\``,
        autoscaler.rules,
      );
  }
  const options: AutoscalerOptions = { ...autoscaler, hpa: document as Record<string, unknown> };
  return { stack: { ...stack, autoscaler: options }, notes: manifest.notes.map(note => `Autoscaler: ${note}.`) };
}

function documentIn(written: string, folder: string): unknown {
  return inFile(written, () => {
    const document = parseYaml(readText(pathFrom(written, folder), MAX_BYTES));
    requirePlain(document);
    return document;
  });
}

/** Names the file in what is wrong with it. */
function inFile<T>(written: unknown, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const found = messageOf(error).includes('multiple documents')
      ? 'it has several documents; keep only that of the HorizontalPodAutoscaler'
      : messageOf(error);
    const name = typeof written === 'string' ? written : `\`${FIELD}.hpa\``;
    const next = (error instanceof SquallError && error.next) || 'Give the path of a YAML or JSON file.';
    throw new SquallError('scenario', 'BAD_AUTOSCALER', `${name}: ${found}`, { next, cause: error });
  }
}
