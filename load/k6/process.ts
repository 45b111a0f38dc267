import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { getCACertificates } from 'node:tls';
import { SAMPLES_TO_STDOUT, watchDrops } from './drops.ts';
import { parseLine, type ScriptLine } from './lines.ts';
import { type K6Program, type K6Run, launchContainer, launchProgram } from './program/launch.ts';
import type { ScriptPlan } from './script/plan.ts';

/** How long k6 may take to leave when it is told to, in ms. */
const GRACE_MS = 2000;
/** k6 logs a line for every failed request; the journal says more about them. */
const MAX_LOG_LINES = 200;
const LAST_WORDS = 8;

const FLAGS = [
  '--quiet',
  '--no-color',
  '--no-usage-report',
  '--no-thresholds',
  // A summary keeps every sample in memory until the end.
  '--summary-mode=disabled',
  '--log-format=raw',
];

/** What {@link startK6} is told. */
export interface K6Options extends Omit<K6Run, 'folder'> {
  readonly program: K6Program;
  readonly plan: ScriptPlan;
  readonly authorization: string;
  /** PEM of the authority that vouches for `https` targets; undefined for those that Node trusts here. */
  readonly authority: string | undefined;
  readonly controlUrl: string;
  readonly onLine: (line: ScriptLine) => void;
  /** An iteration found no virtual user; told when, by the wall clock, in ms since 1970. */
  readonly onDrop: (wallMs: number) => void;
}

/** How k6 ended. */
export interface K6Exit {
  readonly code: number | null;
  readonly signal: string | null;
  /** Its last lines that were not the script's. */
  readonly lastWords: readonly string[];
}

/** A k6 that runs. Disposing takes away whatever is left of it, its folder too. */
export interface K6Process extends AsyncDisposable {
  /** Its process id; to be asked for while it runs. */
  pid(): Promise<number>;
  /** Settles when it is gone and every line it wrote has been taken. @throws when it could not be started */
  readonly ended: Promise<K6Exit>;
  /** Has it leave, requests in flight or not; within 2 s it is gone. */
  stop(): void;
}

/**
 * Starts k6 with a script. Nothing of the person's own k6 settings reaches it, nor does a proxy from the environment, and it may
 * not fetch extensions. The plan lies in a temporary folder while it runs.
 */
export async function startK6({ program, onLine, onDrop, ...options }: K6Options): Promise<K6Process> {
  const folder = mkdtempSync(join(tmpdir(), 'squall-k6-'));
  const run = { ...options, folder };
  const { image } = program;
  const launch = image === undefined ? launchProgram(program, run) : await launchContainer({ ...program, image }, run);
  const variables = writeInputs(folder, launch.folder, options);
  const k6Args = [
    'run',
    '--config',
    `${launch.folder}/config.json`,
    ...FLAGS,
    ...SAMPLES_TO_STDOUT.args,
    launch.script,
  ];
  const child = spawn(launch.command, [...launch.args(Object.keys(variables)), ...k6Args], {
    env: { ...cleanEnvironment(process.env), ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lastWords: string[] = [];
  return {
    pid: () => launch.pid(child),
    ended: watch(child, lastWords, onLine, onDrop),
    async [Symbol.asyncDispose]() {
      launch.kill(child);
      await launch[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
    stop: () => {
      child.kill('SIGINT');
      setTimeout(() => launch.kill(child), GRACE_MS).unref();
    },
  };
}

type Inputs = Pick<K6Options, 'plan' | 'authorization' | 'authority' | 'controlUrl'>;

/** Writes what k6 reads into a folder that it knows as `seen`. @returns the environment variables that tell it so */
function writeInputs(folder: string, seen: string, { plan, authorization, authority, controlUrl }: Inputs) {
  writeFileSync(join(folder, 'plan.json'), JSON.stringify(plan), { mode: 0o600 });
  writeFileSync(join(folder, 'config.json'), '{}');
  const isTls = plan.targets.some(target => target.startsWith('https:'));
  const trusted = authority ?? getCACertificates('default').join('\n');
  if (isTls) writeFileSync(join(folder, 'authority.pem'), trusted);
  return {
    K6_AUTO_EXTENSION_RESOLUTION: 'false',
    SQUALL_PLAN: `${seen}/plan.json`,
    SQUALL_AUTHORIZATION: authorization,
    SQUALL_CONTROL: controlUrl,
    // Go trusts what lies there instead of the system's own; macOS has no such thing.
    ...SAMPLES_TO_STDOUT.env,
    ...(isTls ? { SSL_CERT_FILE: `${seen}/authority.pem`, SSL_CERT_DIR: seen } : {}),
    // HTTP/1.1 alone, as the streaming client speaks.
    GODEBUG: 'http2client=0',
  };
}

async function watch(
  child: ChildProcess,
  lastWords: string[],
  onLine: (line: ScriptLine) => void,
  onDrop: (wallMs: number) => void,
): Promise<K6Exit> {
  let logged = 0;
  const take = (text: string) => {
    const line = parseLine(text);
    if (line) return onLine(line);
    if (lastWords.push(text) > LAST_WORDS) lastWords.shift();
    logged += 1;
    if (logged <= MAX_LOG_LINES) process.stderr.write(`k6: ${text}\n`);
    if (logged === MAX_LOG_LINES) process.stderr.write('k6: (no more of its lines are kept)\n');
  };
  createInterface({ input: child.stderr! }).on('line', take);
  watchDrops(child.stdout!, onDrop);
  const [code, signal] = await once(child, 'close');
  return { code, signal, lastWords };
}

function cleanEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^K6_|_proxy$/i.test(name)));
}
