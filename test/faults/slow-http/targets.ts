import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { loadAttack } from '../../../faults/slow-http/attacker/catalog.ts';
import { thisMachine } from '../../../harness/host/network.ts';
import type { WindowResult } from '../../../reports/store/run-document.ts';
import { type AttackResult, attackScenario, resultOf } from '../../../scenarios/attack.ts';
import { loadScenario } from '../../../scenarios/load-scenario.ts';
import { runSession } from '../../../scenarios/session/session.ts';
import { checkTarget } from '../../../scenarios/target/target.ts';
import { temporaryFolder } from '../../e2e/squall.ts';
import { missing } from '../../require.ts';
import { authority } from '../../stack/edge/fixtures/running-edge.ts';

const SERVER = new URL('./fixtures/bare-server.ts', import.meta.url);

/** A target in a process of its own. */
export interface RunningTarget extends AsyncDisposable {
  readonly url: string;
}

/** What a bare server is told: options of `http.createServer` or `https.createServer`, `maxConnections`, `timeout` and `host`. */
export type BareOptions = Readonly<Record<string, number | string>>;

/** Starts a bare Node server. */
export async function startBare(options: BareOptions): Promise<RunningTarget> {
  const child = fork(SERVER, [JSON.stringify(options)]);
  const exited = once(child, 'exit');
  const [port] = (await once(child, 'message')) as [number];
  const host = options.host === '::1' ? '[::1]' : '127.0.0.1';
  return {
    url: `http${options.cert ? 's' : ''}://${host}:${port}`,
    async [Symbol.asyncDispose]() {
      child.disconnect();
      await exited;
    },
  };
}

/** {@link startBare} behind TLS, with a certificate of {@link authority}. */
export async function startBareTls(options: BareOptions): Promise<RunningTarget> {
  const { certificate: cert, key } = await authority.issue({ names: ['127.0.0.1', 'ours.invalid'] });
  return startBare({ ...options, cert, key });
}

/** How {@link attackOn} is called. */
export interface AttackTest {
  readonly kind: string;
  readonly url: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly forMs?: number;
  /** What the control client asks for. @default / */
  readonly control?: string;
}

/** Result of {@link attackOn}, with figures from the evidence of the attack. */
export interface AttackFound {
  readonly result: AttackResult;
  readonly reasons: string;
  readonly evidence: string;
  /** Median time after which the server closed connections, in ms; null where it closed none. */
  readonly medianMs: number | null;
  readonly peakOpen: number;
  /** Control requests during the attack. */
  readonly during: WindowResult | undefined;
}

/** A short attack as a run: 1.5 s before, 4 s during, 0.5 s after, 50 control requests a second. */
export async function attackOn(test: AttackTest): Promise<AttackFound> {
  const { kind, url, parameters = {}, forMs = 4000, control = '/' } = test;
  // Of authorities of our own this process knows nothing; Node's own switch reaches every client of the run.
  if (url.startsWith('https:')) process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
  using out = temporaryFolder();
  const raw = attackScenario({ attack: await loadAttack(kind), forMs, control, controlRate: '50/s', model: '' });
  const changes = {
    'load.warmUp': '1500ms',
    'load.idleTimeout': '2s',
    'faults.attack.at': '1500ms',
    'load.stages.0.for': `${1500 + forMs + 500}ms`,
    // A busy machine makes clients wait; a full pool makes them fail.
    'slos.control-errors.objective': 'errors <= 10%',
    'slos.control-slowdown.objective': 'slowdown(p90(latency), fault:attack) <= 3 or 1500 ms',
    ...Object.fromEntries(Object.entries(parameters).map(([key, value]) => [`faults.attack.${key}`, value])),
  };
  const external = { ...(await checkTarget(url, { machine: thisMachine })), authorization: '' };
  const from = { raw, source: kind, folder: '.' };
  const { compiled } = await loadScenario(from, { seed: 1, platform: 'external', external, changes, replay: '' });
  const { signal } = new AbortController();
  const { document } = (await runSession(compiled, { out: out.path, signal })).result;
  const evidence = document.faults[0]!.evidence;
  const median = /closed by server after a median of (\d+) ms/.exec(evidence)?.[1];
  return {
    result: resultOf(document),
    reasons: document.reasons.join('\n'),
    evidence,
    medianMs: median === undefined ? null : Number(median),
    peakOpen: Math.max(0, ...(document.faults[0]!.attack ?? []).map(({ open }) => open)),
    during: document.windows.find(({ name }) => name === 'fault:attack'),
  };
}

/** Why comparisons with slowhttptest are skipped, or false. */
export const noSlowHttpTest = missing(
  'slowhttptest',
  await promisify(execFile)('slowhttptest', ['-h']).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
  ),
);

/** Of its connections, so many that are not served at the end are the service's fault, not the machine's. */
const MANY_PENDING = 20;

/**
 * Whether the service is available for slowhttptest at its end; its exit code says nothing. Over TLS its probe counts a connection that was
 * closed during the handshake as an answer, so there its own connections tell: those that still wait for theirs.
 */
export async function slowHttpTest(args: readonly string[]): Promise<'YES' | 'NO'> {
  const { stdout } = await promisify(execFile)('slowhttptest', args, { timeout: 30_000 });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it colours its words
  const plain = stdout.replace(/\x1b\[[0-9;]*m/g, '');
  const last = (what: string) => [...plain.matchAll(new RegExp(`${what}:\\s+(\\w+)`, 'g'))].at(-1)?.[1];
  const [available, pending] = [last('service available'), last('pending')];
  if (available === undefined) throw new Error(`slowhttptest said nothing of the service:\n${plain}`);
  if (!args.at(-1)!.startsWith('https:')) return available as 'YES' | 'NO';
  return Number(pending) > MANY_PENDING ? 'NO' : 'YES';
}
