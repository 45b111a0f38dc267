import { type Command, InvalidArgumentError } from 'commander';
import { SquallError } from '../harness/errors.ts';
import { k6OperatorManifest } from '../load/k6/manifest.ts';
import { unsupportedBy } from '../scenarios/load/engine-choice.ts';
import { loadScenario, SCENARIO, type ScenarioOptions, wholeNumber, withScenarioOptions } from './options.ts';

interface OperatorOptions extends ScenarioOptions {
  readonly url: readonly string[];
  readonly parallelism: number;
  readonly separate: boolean;
  readonly image: string;
  readonly secret?: string;
}

/** Defines `squall k6-operator <scenario>`, which prints the manifest that generates a scenario's load in a Kubernetes cluster. */
export function defineK6Operator(command: Command, signal: AbortSignal): void {
  withScenarioOptions(command)
    .argument('<scenario>', `${SCENARIO}; its load must be one that k6 can generate`)
    .requiredOption('--url <url>', 'base URL of the service, as pods reach it (repeatable)', collect)
    .option('--parallelism <n>', 'number of pods that the load is split over', wholeNumber(1, 9999), 1)
    .option('--separate', 'schedule each pod on a different node', false)
    .option('--image <image>', 'k6 image of the pods', 'grafana/k6:2.2.0')
    .option('--secret <name>', 'Secret whose key `authorization` contains the Authorization header')
    .action(async (name: string, options: OperatorOptions) => {
      const { compiled } = await loadScenario(name, options, signal);
      const { scenario, load, seed } = compiled.plan;
      const [unsupported] = unsupportedBy('k6', load, []);
      if (unsupported)
        throw new SquallError(
          'scenario',
          'BAD_SCENARIO',
          `Expected \`${unsupported.field}\` to be ${unsupported.expected}, got ${JSON.stringify(unsupported.found)}`,
          { next: `Correct it in the scenario, or here with --set ${unsupported.field}=….` },
        );
      const { url: targets, parallelism, separate, image, secret } = options;
      const manifest = { name: scenario, plan: load, seed, targets, parallelism, separate, image, secret };
      process.stdout.write(k6OperatorManifest(manifest));
    });
}

function collect(value: string, before: string[] = []): string[] {
  if (!URL.canParse(value)) throw new InvalidArgumentError('Expected a URL such as http://gateway.default.svc:8000.');
  return [...before, value];
}
