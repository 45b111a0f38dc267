import { type Command, InvalidArgumentError } from 'commander';
import { SquallError } from '../harness/errors.ts';
import { k6OperatorManifest } from '../load/k6/manifest.ts';
import { refusalsOf } from '../scenarios/load/engine-choice.ts';
import { loadScenario, type ScenarioOptions, withScenarioOptions } from './options.ts';

interface OperatorOptions extends ScenarioOptions {
  readonly url: readonly string[];
  readonly parallelism: number;
  readonly separate: boolean;
  readonly image: string;
  readonly secret?: string;
}

/** `squall k6-operator <scenario>`: the manifest that drives a scenario's load from a Kubernetes cluster, on stdout. */
export function defineK6Operator(command: Command, signal: AbortSignal): void {
  withScenarioOptions(command)
    .argument('<scenario>', 'name from `squall list`, or a .yaml, .json or .ts file; its load must be fit for k6')
    .requiredOption('--url <url>', 'where clients send to, as pods reach it (repeatable)', collect)
    .option('--parallelism <n>', 'pods that share the load', parseCount, 1)
    .option('--separate', 'each pod on a node of its own', false)
    .option('--image <image>', 'the k6 that pods run', 'grafana/k6:2.2.0')
    .option('--secret <name>', 'a Secret whose key `authorization` holds the header of that name')
    .action(async (name: string, options: OperatorOptions) => {
      const { compiled } = await loadScenario(name, options, signal);
      const { scenario, load, seed } = compiled.plan;
      const [refusal] = refusalsOf('k6', load, []);
      if (refusal)
        throw new SquallError(
          'scenario',
          'BAD_SCENARIO',
          `Expected \`${refusal.field}\` to be ${refusal.expected}, got ${JSON.stringify(refusal.found)}`,
          { next: `Correct it in the scenario, or here with --set ${refusal.field}=….` },
        );
      const { url: targets, parallelism, separate, image, secret } = options;
      const manifest = { name: scenario, plan: load, seed, targets, parallelism, separate, image, secret };
      process.stdout.write(k6OperatorManifest(manifest));
    });
}

function parseCount(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('Expected a whole number from 1 to 9999.');
  return Number(text);
}

function collect(value: string, before: string[] = []): string[] {
  if (!URL.canParse(value)) throw new InvalidArgumentError('Expected a URL such as http://gateway.default.svc:8000.');
  return [...before, value];
}
