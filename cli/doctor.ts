import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Command } from 'commander';
import { findToxiproxy } from '../faults/toxiproxy/find.ts';
import { messageOf, SquallError } from '../harness/errors.ts';
import { thisMachine } from '../harness/host/network.ts';
import { findProgram } from '../harness/host/programs.ts';
import { ignoredProxies } from '../harness/host/proxies.ts';
import { systemSecrets } from '../harness/host/secrets.ts';
import { requireK6 } from '../load/k6/program/find.ts';
import { engineSocket, findEngine, findImage } from '../platform/docker/engine.ts';
import { IMAGE_NAMES } from '../platform/docker/images/image-names.ts';
import { inspectTarget, type TargetCheck } from '../scenarios/target/inspect.ts';
import { externalTarget, type TargetOptions } from '../scenarios/target/target.ts';
import { adviceOn, type ToolName, toolVersion } from '../stack/tools.ts';
import { EXIT } from './exit.ts';
import { JSON_FLAG, type RequestOptions, requestChanges, withHeader, withOnlyTarget } from './options.ts';
import { paint, printJson, say } from './terminal.ts';

/** A tool that Squall can use, as found on this machine. */
interface Finding {
  readonly part: string;
  readonly state: 'found' | 'embedded' | 'missing';
  /** Empty for a missing tool. */
  readonly version: string;
  /** What the tool is for, and how to install it if it is missing. */
  readonly advice: string;
}

const PROBE_TIMEOUT_MS = 5000;

interface DoctorOptions extends TargetOptions, Pick<RequestOptions, 'header'> {
  readonly json?: boolean;
  readonly model?: string;
}

/** Defines `squall doctor`: which tools are installed, which are missing, what to do; with a target, how that answers. */
export function defineDoctor(command: Command, signal: AbortSignal): void {
  const given = withOnlyTarget(withHeader(command.option(...JSON_FLAG)));
  given.option('--model <name>', 'model of its requests (default: the first that it lists)');
  given.addHelpText('after', '\nExit codes: 0 · with --target 4 if no run can be started, 3 usage, 130 interrupted');
  given.action(async (options: DoctorOptions) => {
    if (options.target !== undefined) return examine(options, signal);
    const { json, model, header } = options;
    const other = model === undefined ? header && '--header' : '--model';
    if (other !== undefined)
      throw new SquallError('option', 'NO_TARGET', `Expected ${other} only with --target`, {
        next: 'Add --target URL.',
      });
    await externalTarget({ ...options, platform: 'process' }, thisMachine, signal);
    // `cli/bin.js` starts nothing on a Node.js that is too old.
    const node = found('Node.js', process.versions.node, 'Runs Squall and its services.');
    const findings = await Promise.all([node, toxiproxy(), ...TOOLS.map(tool), k6(), docker(), chromium()]);
    if (json) printJson(findings);
    else say(process.stdout, ...findings.map(line));
  });
}

/** Prints how a target answers, before any load. */
async function examine({ json, model, header, ...options }: DoctorOptions, signal: AbortSignal): Promise<void> {
  const external = (await externalTarget({ ...options, platform: 'external' }, thisMachine, signal))!;
  const headers = Object.fromEntries(
    Object.entries(requestChanges(header ? { header } : {})).map(([path, value]) => [
      path.slice('load.headers.'.length),
      String(value),
    ]),
  );
  const checks = await inspectTarget(external, {
    machine: thisMachine,
    secret: systemSecrets,
    model,
    headers,
    proxies: ignoredProxies,
    signal,
  });
  if (json) printJson({ target: external.url, checks });
  else say(process.stdout, ...checks.flatMap(checkLines));
  process.exitCode = checks.some(({ state }) => state === 'bad') ? EXIT.environment : EXIT.pass;
}

const CHECK_SIGNS = {
  ok: paint('green', '✓'),
  note: paint('yellow', '●'),
  bad: paint('red', '✗'),
} as const;

function checkLines({ check, state, found, next }: TargetCheck): string[] {
  const line = `${CHECK_SIGNS[state]} ${check.padEnd(12)} ${found}`;
  return next === '' ? [line] : [line, `  ${' '.repeat(12)} → ${next}`];
}

function found(part: string, version: string, advice: string): Finding {
  return { part, state: 'found', version, advice };
}

function missing(part: string, advice: string): Finding {
  return { part, state: 'missing', version: '', advice };
}

async function toxiproxy(): Promise<Finding> {
  const { source, version = '' } = await findToxiproxy({ host: '127.0.0.1', port: 0, seed: 0 });
  if (source !== 'embedded') return found('Toxiproxy', version, `Fault proxy of the links. From ${source}.`);
  const advice =
    'Fault proxy of the links. To use the original, put toxiproxy-server on PATH or run `npm run tools` in a checkout.';
  return { part: 'Toxiproxy', state: 'embedded', version, advice };
}

const TOOLS: readonly { readonly part: string; readonly name: ToolName; readonly use: string }[] = [
  { part: 'nginx', name: 'nginx', use: 'Edge in front of the gateways.' },
  { part: 'Redis', name: 'redis-server', use: 'Store of the rate limits that gateways share.' },
  { part: 'Prometheus', name: 'prometheus', use: 'Scrapes the stack; without it Squall samples the services itself.' },
];

async function tool({ part, name, use }: (typeof TOOLS)[number]): Promise<Finding> {
  const program = findProgram(name);
  if (!program) return missing(part, `${use} ${adviceOn(name)}`);
  return found(part, await toolVersion(name, program), `${use} From ${program.source}.`);
}

async function k6(): Promise<Finding> {
  const use = 'Load generator of `load.engine: k6`.';
  try {
    const { version, source } = await requireK6();
    return found('k6', version, `${use} From ${source}.`);
  } catch (error) {
    return missing('k6', `${use} ${problemOf(error)}`);
  }
}

/** The Docker engine and its images, which only `--platform docker` needs. */
async function docker(): Promise<Finding> {
  const names = Object.values(IMAGE_NAMES);
  try {
    const engine = await findEngine(engineSocket(), AbortSignal.timeout(PROBE_TIMEOUT_MS));
    const images = await Promise.all(names.map(name => findImage(engine, name)));
    const absent = names.filter((_, index) => images[index] === undefined);
    if (absent.length > 0)
      return missing(
        'Docker',
        `The engine does not have ${absent.join(' and ')}: run \`npm run images\` in a checkout.`,
      );
    return found('Docker', engine.version, 'Runs the stack as containers with `--platform docker`.');
  } catch (error) {
    return missing('Docker', problemOf(error));
  }
}

/** What is wrong, and what to do about it. */
function problemOf(error: unknown): string {
  const next = error instanceof SquallError ? ` ${error.next}` : '';
  return `${messageOf(error)}.${next}`;
}

async function chromium(): Promise<Finding> {
  const program = findProgram('chromium');
  if (!program) return missing('Chromium', 'Only the tests of the report need it; they are skipped without it.');
  const version = promisify(execFile)(program.command, ['--version'], { timeout: PROBE_TIMEOUT_MS });
  const { stdout } = await version.catch(() => ({ stdout: '' }));
  return found('Chromium', /[\d.]+/.exec(stdout)?.[0] ?? '', 'The tests of the report use it.');
}

const SIGNS = {
  found: paint('green', '✓'),
  embedded: paint('cyan', '●'),
  missing: paint('yellow', '–'),
} as const;

function line({ part, state, version, advice }: Finding): string {
  return `${SIGNS[state]} ${part.padEnd(10)} ${(version || state).padEnd(16)} ${advice}`;
}
