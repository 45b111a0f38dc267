import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { loadAttack } from '../../../faults/slow-http/attacker/catalog.ts';
import { resolveTarget } from '../../../faults/slow-http/attacker/target.ts';
import { systemClock } from '../../../harness/clock.ts';
import { type AttackDocument, runAttack } from '../../../scenarios/attack/session.ts';
import { DEFAULT_THRESHOLDS } from '../../../scenarios/attack/verdict.ts';
import { missing } from '../../require.ts';
import { authority } from '../../stack/edge/fixtures/running-edge.ts';

const SERVER = new URL('./fixtures/bare-server.ts', import.meta.url);

/** A target in a process of its own. */
export interface RunningTarget extends AsyncDisposable {
  readonly url: string;
}

/** What a bare server is told: options of `http.createServer` or `https.createServer`, `maxConnections`, `timeout`, `path` for a socket file, and `host`. */
export type BareOptions = Readonly<Record<string, number | string>>;

/** Starts a bare Node server. */
export async function startBare(options: BareOptions): Promise<RunningTarget> {
  const child = fork(SERVER, [JSON.stringify(options)]);
  const exited = once(child, 'exit');
  const [port] = (await once(child, 'message')) as [number];
  const host = options.host === '::1' ? '[::1]' : '127.0.0.1';
  return {
    url: options.path === undefined ? `http${options.cert ? 's' : ''}://${host}:${port}` : `unix:${options.path}`,
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
  readonly victimPath?: string;
  readonly signal?: AbortSignal;
}

/** A short attack with its victim: 1.5 s before, 4 s during, 0.3 s after, 50 ordinary requests a second. */
export async function attackOn({
  kind,
  url,
  parameters = {},
  forMs = 4000,
  victimPath = '/',
  signal = new AbortController().signal,
}: AttackTest): Promise<AttackDocument> {
  const attack = await loadAttack(kind);
  const target = await resolveTarget(url, { authority: authority.certificate });
  return runAttack(
    {
      attack,
      parameters: attack.parameters.parse(parameters),
      target,
      request: { host: target.host, authorization: '', model: 'tiny' },
      victim: { asks: 'get', path: victimPath, perSecond: 50, timeoutMs: 2000 },
      baselineMs: 1500,
      forMs,
      afterMs: 300,
      // A busy machine makes ordinary requests wait; a full pool makes them fail.
      thresholds: { ...DEFAULT_THRESHOLDS, slackMs: 1500, maxErrorRatio: 0.1 },
    },
    systemClock,
    signal,
  );
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
