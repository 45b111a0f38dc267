import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { createApi } from '../faults/toxiproxy/api.ts';
import { ProxyCollection } from '../faults/toxiproxy/proxy-collection.ts';
import { NEVER } from '../harness/clock.ts';
import { messageOf, SquallError } from '../harness/errors.ts';
import type { RunEvent } from '../harness/history.ts';
import { thisMachine } from '../harness/host/network.ts';
import { ignoreProxies } from '../harness/host/proxies.ts';
import { DEFAULT_SEED, seededRandom } from '../harness/random.ts';
import { didYouMean } from '../reports/nearest.ts';
import type { RunDocument } from '../reports/store/run-document.ts';
import type { FoundScenario } from '../scenarios/find.ts';
import { freshSalt, withSalt } from '../scenarios/salt.ts';
import type { Scenario } from '../scenarios/scenario.ts';
import { runSession } from '../scenarios/session/session.ts';
import { loadScenario } from './load-scenario.ts';
import { DEFAULT_OUT } from './options.ts';

export type { ErrorKind } from '../harness/errors.ts';
export type { FaultResult, SloResult, Verdict, WindowResult } from '../reports/store/run-document.ts';
export { scenario as defineScenario } from '../scenarios/scenario.ts';
export type {
  Policy,
  PolicyDecision,
  PolicyInput,
  PolicyMetric,
  PolicyPod,
} from '../stack/autoscaler/policy/policy.ts';
export { type RunDocument, type RunEvent, type Scenario, SquallError };

/** Options of {@link runScenario}; those of `squall run` by the same names. */
export interface RunScenarioOptions {
  /** Where the stack runs. @default `process`; `external` with a target */
  readonly platform?: 'process' | 'docker' | 'virtual';
  /** Base URL of an OpenAI-compatible server to test instead of a stack. */
  readonly target?: string;
  /** Bearer token for the target, or a complete `Authorization` header. @default `SQUALL_TARGET_AUTHORIZATION` of the environment */
  readonly authorization?: string;
  /** Allows a target on another machine. @default false */
  readonly iOwnThisTarget?: boolean;
  /** Decides arrivals and prompts, 0…2³²−1. @default 42 */
  readonly seed?: number;
  /** Beginning of the prompts; empty for none. @default a fresh one */
  readonly salt?: string;
  /** Overrides of values of the scenario by path, such as `{ 'stack.inference.replicas': 2 }`. @default none */
  readonly set?: Readonly<Record<string, unknown>>;
  /** Folder of run directories. @default `reports/runs` of the project */
  readonly out?: string;
  /** Interrupts the run: faults are healed and everything that was started is stopped before the promise rejects. */
  readonly signal?: AbortSignal;
  /** Called with each event of the run's history, as `events.ndjson` has them. */
  readonly onProgress?: (event: RunEvent) => void;
}

/** The document of a run, as in its `run.json`, and where that is. */
export interface RunResult extends RunDocument {
  /** Absolute path of the run directory, with the report and everything else in `artifacts`. */
  readonly directory: string;
}

const OPTIONS: Readonly<Record<keyof RunScenarioOptions, true>> = {
  platform: true,
  target: true,
  authorization: true,
  iOwnThisTarget: true,
  seed: true,
  salt: true,
  set: true,
  out: true,
  signal: true,
  onProgress: true,
};

/**
 * Runs a scenario as `squall run` does: starts its stack, generates its load, injects its faults, judges its SLOs and writes its report.
 * Prints nothing, handles no signals of the process, and never ends it. Takes HTTP proxies out of the environment, as the command does.
 * @param scenario a scenario, the name of one of the catalogue, or the path of a file; relative paths start at the current folder
 * @returns the run's document, whatever its verdict
 * @throws SquallError for a wrong option or scenario, and for a run that crashed; the signal's reason on abort
 */
export async function runScenario(scenario: Scenario | string, options: RunScenarioOptions = {}): Promise<RunResult> {
  requireKnown(options);
  const { target, platform, authorization, iOwnThisTarget, set = {}, signal = NEVER, onProgress } = options;
  const { seed = DEFAULT_SEED } = options;
  signal.throwIfAborted();
  ignoreProxies();
  const out = resolve(options.out ?? DEFAULT_OUT);
  const from = typeof scenario === 'string' ? scenario : storedScenario(scenario, out);
  const where = { platform: target === undefined ? (platform ?? 'process') : ('external' as const), out, quiet: true };
  const whose = { ...(target !== undefined && { target }), ...(authorization !== undefined && { authorization }) };
  const given = { seed, set: [], ...where, ...whose, ...(iOwnThisTarget && { iOwnThisTarget }) };
  const { compiled } = await loadScenario(from, given, signal, set);
  const observer = onProgress && {
    history: (history: { listen(each: typeof onProgress): void }) => history.listen(onProgress),
  };
  const { crash, result, directory } = await runSession(withSalt(compiled, options.salt ?? freshSalt(compiled.plan)), {
    out,
    signal,
    observer,
  });
  signal.throwIfAborted();
  if (crash) throw crash;
  return { ...result.document, directory };
}

/** A scenario that is only in memory, kept as a file beside the runs, so that their reports can name the command that repeats them. */
function storedScenario(scenario: Scenario, out: string): FoundScenario {
  const text = `${JSON.stringify(scenario, null, 2)}\n`;
  const name = /^[\w-]+$/.exec(scenario.name)?.[0] ?? 'scenario';
  const file = join(out, `${name}-${createHash('sha256').update(text).digest('hex').slice(0, 8)}.json`);
  try {
    mkdirSync(out, { recursive: true, mode: 0o700 });
    writeFileSync(file, text, { mode: 0o600 });
  } catch (cause) {
    const message = `Expected out to be a writable folder, got ${out}: ${messageOf(cause)}`;
    throw new SquallError('environment', 'OUTPUT_NOT_WRITABLE', message, { cause, next: 'Choose another folder.' });
  }
  return { source: file, raw: JSON.parse(text), folder: process.cwd() };
}

function requireKnown(options: RunScenarioOptions): void {
  const known = Object.keys(OPTIONS);
  const bad = (name: string, expected: string, found: unknown, hint = '') =>
    new SquallError('option', 'BAD_RUN_OPTION', `Expected ${name} to be ${expected}, got ${String(found)}${hint}`);
  for (const name of Object.keys(options))
    if (!known.includes(name))
      throw bad('each option of runScenario', `one of ${known.join(', ')}`, name, didYouMean(name, known));
  const { seed = 0, platform = 'process' } = options;
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff)
    throw bad('seed', 'a whole number from 0 to 4294967295', seed);
  if (!['process', 'docker', 'virtual'].includes(platform))
    throw bad('platform', 'process, docker or virtual', platform);
}

/** Options of {@link startToxiproxy}. */
export interface ToxiproxyOptions {
  /** @default a free one */
  readonly port?: number;
  /** Address to listen on. @default 127.0.0.1 */
  readonly host?: string;
  /** Decides toxicity and jitter. @default 42 */
  readonly seed?: number;
}

/** A fault proxy that listens. Disposing closes its API, every proxy and their connections. */
export interface StartedToxiproxy extends AsyncDisposable {
  /** Base URL of Toxiproxy's HTTP API, such as `http://127.0.0.1:8474`, for any of its clients. */
  readonly apiUrl: string;
}

/**
 * Starts the embedded fault proxy in this process, with the HTTP API of Toxiproxy. It does not keep the process alive on its own.
 * @throws SquallError `PORT_UNAVAILABLE`
 */
export async function startToxiproxy(options: ToxiproxyOptions = {}): Promise<StartedToxiproxy> {
  const { port = 0, host = '127.0.0.1', seed = DEFAULT_SEED } = options;
  const proxies = new ProxyCollection({ machine: thisMachine, random: seededRandom(seed) });
  const api = createApi(proxies);
  try {
    api.listen(port, host);
    await once(api, 'listening');
  } catch (cause) {
    const message = `Expected to listen on ${host}:${port}, but: ${messageOf(cause)}`;
    throw new SquallError('environment', 'PORT_UNAVAILABLE', message, { cause, next: 'Choose another port, or none.' });
  }
  api.unref();
  const { address, port: actual, family } = api.address() as AddressInfo;
  return {
    apiUrl: `http://${family === 'IPv6' ? `[${address}]` : address}:${actual}`,
    async [Symbol.asyncDispose]() {
      const closed = once(api, 'close');
      api.close();
      api.closeAllConnections();
      await Promise.all([closed, proxies.close()]);
    },
  };
}
