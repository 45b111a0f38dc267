import { afterAll, describe, expect, it } from 'vitest';
import { noNginx, startEdge } from '../../stack/edge/fixtures/running-edge.ts';
import { startGateway } from '../../stack/gateway/fixtures/gateway-process.ts';
import { attackOn, noSlowHttpTest, type RunningTarget, slowHttpTest, startBare } from './targets.ts';

/** How many attack, and how many connections the target takes; nginx also counts those to its upstream. */
interface Size {
  readonly connections: number;
  readonly perSecond: number;
  readonly pool: number;
  readonly nginxPool: number;
}
/** 200 connections at 100 a second are more than the pool of 110, or 128; of what a deadline leaves of them there are at most 80. */
const MANY: Size = { connections: 200, perSecond: 100, pool: 110, nginxPool: 128 };
/** Unread answers of 4 MB each are the kernel's memory: a smaller pool, and fewer who want it. */
const FEW: Size = { connections: 80, perSecond: 20, pool: 36, nginxPool: 40 };
const SHORT_NGINX = { headerMs: 500, bodyMs: 700, sendMs: 700 };
const SHORT = { headersTimeout: 500, requestTimeout: 700, connectionsCheckingInterval: 100, timeout: 700 };
/** Looked at every 63 ms, an eighth of the shortest. */
const SHORT_GATEWAY = { headersMs: 500, bodyGraceMs: 700, sendMs: 700 };
const NO_GATEWAY_LIMITS = {
  headersMs: 'off',
  bodyMs: 'off',
  minBodyBytesPerSecond: 'off',
  sendMs: 'off',
  keepAliveMs: 'off',
} as const;

interface Target {
  start(size: Size): Promise<RunningTarget>;
  readonly skip?: string | false;
  /** Where an answer is that is larger than the buffers on the way. @default /large */
  readonly largePath?: string;
  /** What the control client asks for. @default / */
  readonly control?: string;
}
const GATEWAY = { largePath: '/v1/models', control: '/healthz' };
const TARGETS: Readonly<Record<string, Target>> = {
  'node, default limits': { start: ({ pool }) => startBare({ maxConnections: pool }) },
  'node, short limits': { start: ({ pool }) => startBare({ maxConnections: pool, ...SHORT }) },
  'nginx, no limits': { start: size => nginxWith(size, 'off'), skip: noNginx },
  'nginx, short limits': { start: size => nginxWith(size, SHORT_NGINX), skip: noNginx },
  'nginx, TLS, no limits': { start: size => nginxWith(size, 'off', {}), skip: noNginx },
  'nginx, TLS, short limits': { start: size => nginxWith(size, SHORT_NGINX, {}), skip: noNginx },
  'gateway, no limits': { start: ({ pool }) => gatewayWith(pool, NO_GATEWAY_LIMITS), ...GATEWAY },
  'gateway, short limits': { start: ({ pool }) => gatewayWith(pool, SHORT_GATEWAY), ...GATEWAY },
};

async function nginxWith(
  { nginxPool }: Size,
  timeouts: 'off' | typeof SHORT_NGINX,
  tls: 'off' | Record<string, never> = 'off',
) {
  const upstream = await startBare({});
  const edge = await startEdge({ timeouts, tls, connectionsPerWorker: nginxPool }, [new URL(upstream.url).host]);
  return {
    url: tls === 'off' ? edge.url : `https://127.0.0.1:${edge.httpsPort}`,
    async [Symbol.asyncDispose]() {
      await edge[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    },
  };
}

/** What it answers itself is small, but for a list of a thousand models whose owner has a long name: 4 MB. */
function gatewayWith(maxConnections: number, limits: typeof SHORT_GATEWAY | typeof NO_GATEWAY_LIMITS) {
  return startGateway({
    healthChecks: 'off',
    upstreams: [{ name: 'one', url: 'http://127.0.0.1:1' }],
    name: 'x'.repeat(4000),
    models: Array.from({ length: 1000 }, (_, index) => `${index}`),
    // A full one closes at once, as the others do: an answer of 503 is no answer to an ordinary client, but one to slowhttptest.
    connections: { maxConnections, whenFull: 'close', ...limits },
  });
}

/** How long slowhttptest attacks, s. It does not open again what it lost, so it opens new ones to the end: a place that nginx frees for want of a processor is taken again. */
const THEIR_SECONDS = 4;

/** The same attack in both languages. */
const ATTACKS = {
  'slow-headers': {
    path: '/',
    options: ['-H', '-i', '1', '-x', '10'],
    own: { interval: '1s', lineBytes: 24 },
    size: MANY,
  },
  'slow-body': {
    path: '/v1/chat/completions',
    options: ['-B', '-i', '1', '-s', '4096', '-x', '8'],
    own: { interval: '1s', contentLength: 4096, pieceBytes: 8 },
    size: MANY,
  },
  'slow-read': {
    path: null,
    options: ['-X', '-n', '1', '-z', '5', '-w', '10', '-y', '20', '-k', '1'],
    own: { interval: '1s', readBytes: 5, requests: 1 },
    size: FEW,
  },
} as const;

/** The deadline after which the server closes and how late it may be noticed, both in ms; null where none is within the attack. */
type Deadline = readonly [deadlineMs: number, resolutionMs: number] | null;
type Row = readonly [keyof typeof ATTACKS, keyof typeof TARGETS, expected: 'defended' | 'down', closesAfter: Deadline];
const ROWS: readonly Row[] = [
  ['slow-headers', 'node, default limits', 'down', null],
  ['slow-headers', 'node, short limits', 'defended', [500, 100]],
  ['slow-headers', 'nginx, no limits', 'down', null],
  ['slow-headers', 'nginx, short limits', 'defended', [500, 0]],
  ['slow-headers', 'nginx, TLS, no limits', 'down', null],
  ['slow-headers', 'nginx, TLS, short limits', 'defended', [500, 200]], // from the end of the handshake
  ['slow-headers', 'gateway, no limits', 'down', null],
  ['slow-headers', 'gateway, short limits', 'defended', [500, 63]],
  ['slow-body', 'node, default limits', 'down', null],
  ['slow-body', 'node, short limits', 'defended', [700, 100]],
  ['slow-body', 'nginx, no limits', 'down', null],
  ['slow-body', 'nginx, short limits', 'defended', [700, 0]],
  ['slow-body', 'nginx, TLS, no limits', 'down', null],
  ['slow-body', 'nginx, TLS, short limits', 'defended', [700, 200]],
  ['slow-body', 'gateway, no limits', 'down', null],
  ['slow-body', 'gateway, short limits', 'defended', [700, 20]],
  ['slow-read', 'node, default limits', 'down', null],
  ['slow-read', 'node, short limits', 'defended', null], // its FIN waits behind what was not read
  ['slow-read', 'nginx, no limits', 'down', null],
  // The gap is counted from the last write, once the buffers on the way are full; the kernel's table is read each 250 ms.
  ['slow-read', 'nginx, short limits', 'defended', [700, 500]],
  ['slow-read', 'nginx, TLS, short limits', 'defended', [700, 700]],
  ['slow-read', 'gateway, no limits', 'down', null],
  // Two looks of 63 ms, one into the kernel's table, and the time to make 4 MB of JSON for each, which a busy machine doubles.
  ['slow-read', 'gateway, short limits', 'defended', [700, 2 * 63 + 250 + 500]],
];

/** Both verdicts of every attack, on the gateway and on nginx; of a bare Node and of nginx with TLS only at night, for they take as long again. */
const rows = process.env.SQUALL_NIGHTLY ? ROWS : ROWS.filter(([, target]) => !/node|TLS/.test(target));

describe(`the verdicts of slowhttptest ${noSlowHttpTest || ''}`, () => {
  const table: string[] = [];
  afterAll(() => {
    process.stdout.write(`\n${table.join('\n')}\n`);
  });

  it.concurrent.for(rows)('%s on %s: %s', async ([kind, name, expected, closesAfter], { skip }) => {
    const target = TARGETS[name]!;
    if (target.skip) skip(target.skip);
    const { options, own, size } = ATTACKS[kind];
    const path = ATTACKS[kind].path ?? target.largePath ?? '/large';
    const { connections, perSecond } = size;
    // A full nginx closes those first that have not asked yet, such as after a handshake or for want of a processor: somebody
    // must come back for their places.
    const reopen = name.startsWith('nginx');
    // Two targets of the same kind, so that neither attacker is in the other's way.
    await using ours = await target.start(size);
    await using theirs = noSlowHttpTest ? undefined : await target.start(size);
    const parameters = { connections, perSecond, reopen, path, ...own };
    const { control = '/' } = target;
    // More than half of the attack, its start included, finds all places taken.
    const forMs = size === FEW || expected === 'down' ? 6000 : 4000;
    const [found, available] = await Promise.all([
      attackOn({ kind, url: ours.url, parameters, forMs, control }),
      theirs &&
        slowHttpTest([
          ...options,
          '-c',
          String(perSecond * THEIR_SECONDS),
          '-r',
          String(perSecond),
          '-l',
          String(THEIR_SECONDS),
          '-p',
          '2',
          '-u',
          `${theirs.url}${path}`,
        ]),
    ]);
    const { result, reasons, medianMs, peakOpen, during } = found;
    table.push(
      [kind.padEnd(13), name.padEnd(24), result.padEnd(9), `slowhttptest: available ${available ?? '?'}`.padEnd(28)]
        .concat(
          `peak ${peakOpen}`.padEnd(9),
          `closed after ${medianMs ?? '–'} ms`,
          `control ${during?.failed}/${during?.requests} failed`,
        )
        .join(' | '),
    );
    expect(result, reasons).toBe(expected);
    if (closesAfter) {
      const [deadlineMs, resolutionMs] = closesAfter;
      expect(medianMs).toBeGreaterThan(0.8 * deadlineMs);
      expect(medianMs).toBeLessThan(1.2 * (deadlineMs + resolutionMs));
    }
    // Here nginx frees a place now and then, and of slowhttptest only the probe comes back for it.
    if (kind === 'slow-read' && name === 'nginx, no limits') return;
    if (available !== undefined) expect(available).toBe(expected === 'defended' ? 'YES' : 'NO');
  });
});
