import { type Command, InvalidArgumentError } from 'commander';
import { LIMITS } from '../faults/slow-http/attack.ts';
import { attackKinds, loadAttack } from '../faults/slow-http/attacker/catalog.ts';
import { SquallError } from '../harness/errors.ts';
import { thisMachine } from '../harness/host/network.ts';
import { badTarget } from '../harness/host/target.ts';
import { parseDurationMs, parseRatePerSecond } from '../harness/quantity.ts';
import { didYouMean } from '../reports/nearest.ts';
import { type AttackResult, attackScenario, resultOf } from '../scenarios/attack.ts';
import type { CompiledScenario } from '../scenarios/compile.ts';
import { loadScenario } from '../scenarios/load-scenario.ts';
import { parseOverrides } from '../scenarios/override.ts';
import { quoted } from '../scenarios/quoted.ts';
import { externalTarget } from '../scenarios/target/target.ts';
import { EXIT } from './exit.ts';
import {
  type RunOptions,
  requestChanges,
  wholeNumber,
  withHeader,
  withOut,
  withReadyWithin,
  withScenarioOptions,
  withTlsOptions,
  withVersions,
} from './options.ts';
import { runWithProgress } from './run.ts';
import { paint, printJson, say } from './terminal.ts';

interface AttackOptions extends Omit<RunOptions, 'platform'> {
  readonly target: string;
  readonly connections?: number;
  readonly rate?: string;
  readonly path?: string;
  readonly for?: string;
  readonly control: string;
  readonly controlRate: string;
}

const COLOURS = {
  defended: 'green',
  degraded: 'yellow',
  down: 'red',
  inconclusive: 'yellow',
  invalid: 'magenta',
} as const;
const MIN_FOR_MS = 500;

/** `squall attack <kind> --target URL`: one attack on a service of the user's own, beside a control client that shows its effect. */
export async function defineAttack(command: Command, signal: AbortSignal): Promise<void> {
  withReadyWithin(withTlsOptions(withVersions(withHeader(withScenarioOptions(withOut(command))))))
    .argument('<kind>', 'one of the kinds below')
    .requiredOption('--target <url>', 'http(s)://HOST:PORT on this machine, unless:')
    .option('--i-own-this-target', 'allows a target on another machine')
    .option(
      '--connections <n>',
      `maximum of open connections (at most ${LIMITS.connections})`,
      wholeNumber(1, LIMITS.connections),
    )
    .option('--rate <n/s>', `connections opened per second (at most ${LIMITS.perSecond}/s)`)
    .option('--path <path>', 'path of the attack requests', text => parsePath(text))
    .option('--for <duration>', 'duration of the attack, e.g. 30s (at most 1h)')
    .option(
      '--control <what>',
      'request of the control client: a path to GET, or chat',
      text => (text === 'chat' ? text : parsePath(text, 'chat, or ')),
      '/',
    )
    .option('--control-rate <n/s>', 'rate of control requests, each on a new connection', '100/s')
    .option('--json', 'print one JSON document on stdout, and nothing else there', false)
    .option('--quiet', 'no progress', false)
    .addHelpText('after', await helpText())
    .action(async (kind: string, options: AttackOptions) => {
      const compiled = await compileAttack(kind, options, signal);
      const session = await runWithProgress(compiled, { ...options, platform: 'external' }, signal);
      const { document } = session.result;
      const result = resultOf(document);
      if (options.json) printJson({ ...document, result });
      else say(process.stdout, `${paint(['bold', COLOURS[result]], result)}  ${document.faults[0]?.evidence}`);
      process.exitCode = exitCodeOf(result, document.exitCode);
    });
}

async function helpText(): Promise<string> {
  const attacks = await Promise.all(attackKinds.map(loadAttack));
  const width = Math.max(...attackKinds.map(kind => kind.length));
  return `
Kinds:
${attacks.map(({ kind, summary }) => `  ${kind.padEnd(width)}  ${summary}`).join('\n')}

A control client sends requests before, during and after the attack; its errors and its latency are the SLOs of a run, with a report.
--set changes a parameter of the attack (--set interval=500ms) or, by its path, its scenario (--set load.idleTimeout=10s,
--set "slos.control-errors.objective=errors <= 1%"). Over https the control client requires a valid certificate
(NODE_EXTRA_CA_CERTS adds a CA of your own), or --insecure. The environment provides the key for requests:
SQUALL_TARGET_AUTHORIZATION=sk-….

Exit codes: 0 defended · 1 degraded or down · 2 inconclusive or invalid · 3 usage · 4 environment · 130 interrupted

Start with: squall attack slow-headers --target http://127.0.0.1:8080`;
}

async function compileAttack(kind: string, options: AttackOptions, signal: AbortSignal): Promise<CompiledScenario> {
  if (!attackKinds.includes(kind))
    throw new SquallError('option', 'UNKNOWN_ATTACK', `Unknown attack "${kind}"${didYouMean(kind, attackKinds)}`, {
      next: '`squall attack --help` lists the kinds.',
    });
  const attack = await loadAttack(kind);
  const { control, controlRate, seed } = options;
  const forMs = options.for === undefined ? attack.defaultForMs : parseDurationMs(options.for, '--for');
  if (forMs < MIN_FOR_MS || forMs > LIMITS.forMs)
    throw new SquallError('option', 'BAD_OPTION', `Expected \`--for\` to be from 500ms to 1h, got "${options.for}"`);
  const platform = 'external';
  const external = (await externalTarget({ ...options, platform }, thisMachine, signal))!;
  if (new URL(external.url).pathname !== '/' || external.base.query !== '')
    throw badTarget(`http(s)://HOST:PORT, got "${options.target}"`, 'Leave paths to --path and --control.');
  const changes = changesOf(options);
  const named = changes['faults.attack.model'] ?? changes['load.model'];
  // Without a name, the target is asked, as for every run.
  const model = control === 'chat' && named !== undefined ? String(named) : undefined;
  const raw = attackScenario({ attack, forMs, control, controlRate, model });
  const from = { raw, source: `squall attack ${kind}`, folder: process.cwd() };
  const loaded = await loadScenario(from, {
    seed,
    platform,
    external,
    changes,
    replay: replayCommand(),
    signal,
    asksModel: true,
  });
  return loaded.compiled;
}

/** @param otherwise what it may be instead, in words */
function parsePath(text: string, otherwise = ''): string {
  if (/^\/\S*$/.test(text)) return text;
  throw new InvalidArgumentError(`Expected ${otherwise}a path that begins with a slash and holds no spaces.`);
}

/** The command as it was given, without versions and salt, which the run adds. */
function replayCommand(): string {
  const isAdded = (word = '') => /^--(versions|salt)(=|$)/.test(word);
  const words = process.argv
    .slice(2)
    .filter((word, index, all) => !isAdded(word) && !(isAdded(all[index - 1]) && !all[index - 1]!.includes('=')));
  return ['npx', 'squall', ...words].map(quoted).join(' ');
}

/** Values by path in the scenario; a key of `--set` without a dot is a parameter of the attack. */
function changesOf({ connections, rate, path, header = [], set }: AttackOptions): Record<string, unknown> {
  const given = {
    ...parseOverrides([
      ...(connections === undefined ? [] : [`connections=${connections}`]),
      ...(path === undefined ? [] : [`path=${JSON.stringify(path)}`]),
    ]),
    ...(rate === undefined ? {} : { perSecond: parseRatePerSecond(rate, '--rate') }),
    ...requestChanges({ header }),
    ...parseOverrides(set),
  };
  const pathOf = (key: string) => (key.includes('.') ? key : `faults.attack.${key}`);
  return Object.fromEntries(Object.entries(given).map(([key, value]) => [pathOf(key), value]));
}

/** A target that never responds again invalidates its run, but counts as down. */
function exitCodeOf(result: AttackResult, exitCode: number): number {
  return result === 'down' ? EXIT.sloFailed : exitCode;
}
