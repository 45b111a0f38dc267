import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { getCACertificates } from 'node:tls';
import { systemClock } from '../../harness/clock.ts';
import { type ClientTls, tlsOptionsOf } from '../../harness/host/client-tls.ts';
import type { PromptRow } from '../request/prompt.ts';
import { variablesOf } from '../request/secrets.ts';
import { SAMPLES_TO_STDOUT, watchDrops } from './drops.ts';
import type { K6Exit } from './failure.ts';
import { parseLine, type ScriptLine } from './lines.ts';
import type { FoundK6 } from './program/find.ts';
import { type K6Run, launchContainer, launchProgram } from './program/launch.ts';
import type { ScriptPlan } from './script/plan.ts';

/** Time for k6 to exit after SIGINT, in ms. */
const GRACE_MS = 2000;
/** k6 logs every failed request; the journal has more about them. */
const MAX_LOG_LINES = 200;
const MAX_LAST_LOG_LINES = 8;

const FLAGS = [
  '--quiet',
  '--no-color',
  '--no-usage-report',
  // Its API would let any program or page stop the run.
  '--address=',
  '--no-thresholds',
  // A summary keeps every sample in memory until the end.
  '--summary-mode=disabled',
  '--log-format=raw',
];

/** Options of {@link startK6}. */
export interface K6Options extends Omit<K6Run, 'folder'> {
  readonly program: FoundK6;
  readonly plan: ScriptPlan;
  /** Prompts of a file, if the workload draws from one. */
  readonly prompts: readonly PromptRow[] | undefined;
  readonly authorization: string;
  /** PEM of the CA of `https` targets. @default those that Node trusts */
  readonly authority: string | undefined;
  readonly tls?: ClientTls;
  readonly controlUrl: string;
  readonly onLine: (line: ScriptLine) => void;
  /** Called for an iteration without a free virtual user, with its time in ms since 1970. */
  readonly onDrop: (wallMs: number) => void;
}

/** Running k6. Disposing ends it and removes its folder. */
export interface K6Process extends AsyncDisposable {
  /** Process id while it runs. */
  pid(): Promise<number>;
  /** Settles when k6 has exited and all its lines have been handled. @throws if it could not be started */
  readonly ended: Promise<K6Exit>;
  /** Ends k6 within 2 s, even with requests in flight. */
  stop(): void;
}

/**
 * Starts k6 with a script, isolated from the user's k6 settings and proxy variables, and without automatic extensions. Its plan is in
 * a temporary folder while it runs.
 */
export async function startK6({ program, onLine, onDrop, ...options }: K6Options): Promise<K6Process> {
  const folder = mkdtempSync(join(tmpdir(), 'squall-k6-'));
  const run = { ...options, folder };
  const { image } = program;
  const launch = image === undefined ? launchProgram(program, run) : await launchContainer(program, image, run);
  const variables = writeInputs(folder, launch.folder, options);
  const k6Args = ['run', `--config=${launch.folder}/config.json`, ...FLAGS, ...SAMPLES_TO_STDOUT.args, launch.script];
  const child = spawn(launch.command, [...launch.args(Object.keys(variables)), ...k6Args], {
    env: { ...cleanEnvironment(process.env), ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return {
    pid: () => launch.pid(child),
    ended: watch(child, onLine, onDrop),
    async [Symbol.asyncDispose]() {
      launch.kill(child);
      await launch[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
    stop: () => {
      child.kill('SIGINT');
      systemClock.after(GRACE_MS, () => launch.kill(child));
    },
  };
}

type Inputs = Pick<K6Options, 'plan' | 'prompts' | 'authorization' | 'authority' | 'tls' | 'controlUrl'>;

/** Writes k6's input files. @param mounted path of the folder as k6 sees it @returns k6's environment variables */
function writeInputs(folder: string, mounted: string, inputs: Inputs) {
  const { plan, prompts, authorization, authority, tls, controlUrl } = inputs;
  if (prompts) writeFileSync(join(folder, 'prompts.json'), JSON.stringify(prompts), { mode: 0o600 });
  writeFileSync(join(folder, 'plan.json'), JSON.stringify(plan), { mode: 0o600 });
  writeFileSync(join(folder, 'config.json'), '{}', { mode: 0o600 });
  const isTls = plan.targets.some(target => target.startsWith('https:'));
  const trusted = authority ?? getCACertificates('default').join('\n');
  if (isTls) writeFileSync(join(folder, 'authority.pem'), trusted, { mode: 0o600 });
  const { cert, key } = tlsOptionsOf(tls);
  if (cert)
    for (const [file, pem] of Object.entries({ cert, key }))
      writeFileSync(join(folder, file), `${pem}`, { mode: 0o600 });
  return {
    K6_AUTO_EXTENSION_RESOLUTION: 'false',
    SQUALL_PLAN: `${mounted}/plan.json`,
    SQUALL_PROMPTS: `${mounted}/prompts.json`,
    SQUALL_AUTHORIZATION: authorization,
    SQUALL_CONTROL: controlUrl,
    // A container sees no other variables.
    ...Object.fromEntries(variablesOf(plan).map(name => [name, process.env[name] ?? ''])),
    ...SAMPLES_TO_STDOUT.env,
    // Replaces the CAs that Go trusts, except on macOS.
    ...(isTls && { SSL_CERT_FILE: `${mounted}/authority.pem`, SSL_CERT_DIR: mounted }),
    ...(cert && { SQUALL_CLIENT_CERT: `${mounted}/cert`, SQUALL_CLIENT_KEY: `${mounted}/key` }),
    // Only HTTP/1.1, like the streaming client.
    GODEBUG: 'http2client=0',
  };
}

async function watch(
  child: ChildProcess,
  onLine: (line: ScriptLine) => void,
  onDrop: (wallMs: number) => void,
): Promise<K6Exit> {
  const lastLogLines: string[] = [];
  let logged = 0;
  const take = (text: string) => {
    const line = parseLine(text);
    if (line) return onLine(line);
    if (lastLogLines.push(text) > MAX_LAST_LOG_LINES) lastLogLines.shift();
    logged += 1;
    if (logged <= MAX_LOG_LINES) process.stderr.write(`k6: ${text}\n`);
    if (logged === MAX_LOG_LINES) process.stderr.write('k6: (further lines are not kept)\n');
  };
  createInterface({ input: child.stderr! }).on('line', take);
  watchDrops(child.stdout!, onDrop);
  const [code, signal] = await once(child, 'close');
  return { code, signal, lastLogLines };
}

function cleanEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^K6_|_proxy$/i.test(name)));
}
