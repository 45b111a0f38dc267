import { type Command, InvalidArgumentError } from 'commander';
import { SquallError } from '../harness/errors.ts';
import { visible } from '../harness/input/visible.ts';
import { k6OperatorManifest } from '../load/k6/manifest.ts';
import { variablesOf } from '../load/request/secrets.ts';
import { unsupportedBy } from '../scenarios/load/engine-choice.ts';
import { freshSalt, withSalt } from '../scenarios/salt.ts';
import { loadScenario } from './load-scenario.ts';
import {
  type RequestOptions,
  SCENARIO,
  type ScenarioOptions,
  wholeNumber,
  withRequestOptions,
  withScenarioOptions,
} from './options.ts';

interface OperatorOptions extends ScenarioOptions, RequestOptions {
  readonly url: readonly string[];
  readonly parallelism: number;
  readonly separate: boolean;
  readonly image: string;
  readonly secret?: string;
}

/** Defines `squall k6-operator <scenario>`, which prints the manifest that generates a scenario's load in a Kubernetes cluster. */
export function defineK6Operator(command: Command, signal: AbortSignal): void {
  withRequestOptions(withScenarioOptions(command))
    .argument('<scenario>', `${SCENARIO}; its load must be one that k6 can generate`)
    .requiredOption('--url <url>', 'base URL of the service, as pods reach it (repeatable)', collect)
    .option('--parallelism <n>', 'number of pods that the load is split over', wholeNumber(1, 9999), 1)
    .option('--separate', 'schedule each pod on a different node', false)
    .option('--image <image>', 'k6 image of the pods', parseImage, 'grafana/k6:2.2.0')
    .option(
      '--secret <name>',
      'Secret whose key `authorization` contains the Authorization header, and whose other keys are the variables of headers',
      parseSecret,
    )
    .action(async (name: string, options: OperatorOptions) => {
      const { compiled } = await loadScenario(name, options, signal, {}, null);
      const { scenario, load, seed } = withSalt(compiled, options.salt ?? freshSalt(compiled.plan)).plan;
      const [unsupported] = unsupportedBy('k6', load, []);
      if (unsupported)
        throw new SquallError(
          'scenario',
          'BAD_SCENARIO',
          `Expected \`${unsupported.field}\` to be ${unsupported.expected}, got ${JSON.stringify(unsupported.found)}`,
          { next: `Correct it in the scenario, or here with --set ${unsupported.field}=….` },
        );
      const { url: targets, parallelism, separate, image, secret } = options;
      const [variable] = variablesOf(load);
      if (variable !== undefined && secret === undefined)
        throw new SquallError(
          'option',
          'NO_SECRET',
          `Expected --secret, since a header refers to env:${variable}, got none`,
          {
            next: `Create it in the cluster: kubectl create secret generic keys --from-literal=${variable}=…, and give --secret keys.`,
          },
        );
      const manifest = { name: scenario, plan: load, seed, targets, parallelism, separate, image, secret };
      process.stdout.write(visible(k6OperatorManifest(manifest)));
    });
}

function collect(value: string, before: string[] = []): string[] {
  if (!URL.canParse(value)) throw new InvalidArgumentError('Expected a URL such as http://gateway.default.svc:8000.');
  return [...before, value];
}

function parseImage(text: string): string {
  if (/^[\w./:@-]+$/.test(text)) return text;
  throw new InvalidArgumentError('Expected the name of an image, such as grafana/k6:2.2.0.');
}

/** A name as Kubernetes takes it: a DNS subdomain (RFC 1123). */
function parseSecret(text: string): string {
  if (/^[a-z\d](?:[a-z\d.-]{0,251}[a-z\d])?$/.test(text)) return text;
  throw new InvalidArgumentError('Expected the name of a Secret: lower-case letters, digits, dashes and dots.');
}
