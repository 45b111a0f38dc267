import { afterAll, describe, expect, it } from 'vitest';
import { noNginx, startEdge } from '../../stack/edge/fixtures/running-edge.ts';
import { startGateway } from '../../stack/gateway/fixtures/gateway-process.ts';
import { attackOn, noSlowHttpTest, type RunningTarget, slowHttpTest, startBare } from './targets.ts';

/** 200 connections at 100 a second are more than the pool of 110, or 128; of what a deadline leaves of them there are at most 80. */
const MANY = { connections: 200, perSecond: 100, pool: 110 };
/** Unread answers of 4 MB each are the kernel's memory: a smaller pool, and fewer who want it. */
const FEW = { connections: 60, perSecond: 20, pool: 36 };
const SHORT_NGINX = { headerMs: 500, bodyMs: 700, sendMs: 700 };
const SHORT = { headersTimeout: 500, requestTimeout: 700, connectionsCheckingInterval: 100, timeout: 700 };

const TARGETS: Readonly<
  Record<string, { start(pool: number): Promise<RunningTarget>; readonly skip?: string | false }>
> = {
  'node, default limits': { start: pool => startBare({ maxConnections: pool }) },
  'node, short limits': { start: pool => startBare({ maxConnections: pool, ...SHORT }) },
  'nginx, no limits': { start: () => nginxWith('off'), skip: noNginx },
  'nginx, short limits': { start: () => nginxWith(SHORT_NGINX), skip: noNginx },
  'nginx, TLS, no limits': { start: () => nginxWith('off', {}), skip: noNginx },
  'nginx, TLS, short limits': { start: () => nginxWith(SHORT_NGINX, {}), skip: noNginx },
  gateway: { start: gateway },
};

async function nginxWith(timeouts: 'off' | typeof SHORT_NGINX, tls: 'off' | Record<string, never> = 'off') {
  const upstream = await startBare({});
  const edge = await startEdge({ timeouts, tls, connectionsPerWorker: 128 }, [new URL(upstream.url).host]);
  return {
    url: tls === 'off' ? edge.url : `https://127.0.0.1:${edge.httpsPort}`,
    async [Symbol.asyncDispose]() {
      await edge[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    },
  };
}

function gateway() {
  return startGateway({ healthChecks: 'off', retries: 0, upstreams: [{ name: 'one', url: 'http://127.0.0.1:1' }] });
}

/** The same attack in both languages; slowhttptest does not open again what it lost. */
const ATTACKS = {
  'slow-headers': {
    path: '/',
    options: ['-H', '-i', '1', '-x', '10'],
    own: { intervalMs: 1000, lineBytes: 24 },
    size: MANY,
  },
  'slow-body': {
    path: '/v1/chat/completions',
    options: ['-B', '-i', '1', '-s', '4096', '-x', '8'],
    own: { intervalMs: 1000, contentLength: 4096, pieceBytes: 8 },
    size: MANY,
  },
  'slow-read': {
    path: '/large',
    options: ['-X', '-n', '1', '-z', '5', '-w', '10', '-y', '20', '-k', '1'],
    own: { intervalMs: 1000, readBytes: 5, requests: 1 },
    size: FEW,
  },
} as const;

/** The deadline that evicts and how late it may be noticed, both in ms; null where none is within the attack. */
type Deadline = readonly [deadlineMs: number, resolutionMs: number] | null;
type Row = readonly [keyof typeof ATTACKS, keyof typeof TARGETS, verdict: 'defended' | 'down', evicts: Deadline];
const ROWS: readonly Row[] = [
  ['slow-headers', 'node, default limits', 'down', null],
  ['slow-headers', 'node, short limits', 'defended', [500, 100]],
  ['slow-headers', 'nginx, no limits', 'down', null],
  ['slow-headers', 'nginx, short limits', 'defended', [500, 0]],
  ['slow-headers', 'nginx, TLS, no limits', 'down', null],
  ['slow-headers', 'nginx, TLS, short limits', 'defended', [500, 200]], // from the end of the handshake
  ['slow-headers', 'gateway', 'defended', null],
  ['slow-body', 'node, default limits', 'down', null],
  ['slow-body', 'node, short limits', 'defended', [700, 100]],
  ['slow-body', 'nginx, short limits', 'defended', [700, 0]],
  ['slow-body', 'nginx, TLS, no limits', 'down', null],
  ['slow-body', 'nginx, TLS, short limits', 'defended', [700, 200]],
  ['slow-body', 'gateway', 'defended', null],
  ['slow-read', 'node, default limits', 'down', null],
  ['slow-read', 'node, short limits', 'defended', null], // its FIN waits behind what was not read
  // The gap is counted from the last write, once the buffers on the way are full; the kernel's table is read each 250 ms.
  ['slow-read', 'nginx, short limits', 'defended', [700, 500]],
  ['slow-read', 'nginx, TLS, short limits', 'defended', [700, 700]],
];

describe(`the verdicts of slowhttptest ${noSlowHttpTest || ''}`, () => {
  const table: string[] = [];
  afterAll(() => {
    process.stdout.write(`\n${table.join('\n')}\n`);
  });

  it.each(ROWS)('%s on %s: %s', async (kind, name, verdict, evicts) => {
    const target = TARGETS[name]!;
    if (target.skip) return;
    const { path, options, own, size } = ATTACKS[kind];
    const { connections, perSecond } = size;
    // A full nginx closes those first that have not asked yet, such as after a handshake: somebody must come back for their places.
    const reopen = name.includes('TLS');
    // Two targets of the same kind, so that neither attacker is in the other's way.
    await using ours = await target.start(size.pool);
    await using theirs = await target.start(size.pool);
    const parameters = { connections, perSecond, reopen, path, ...own };
    const victimPath = name === 'gateway' ? '/healthz' : '/';
    const [document, available] = await Promise.all([
      attackOn({ kind, url: ours.url, parameters, victimPath }),
      noSlowHttpTest
        ? undefined
        : slowHttpTest([
            ...options,
            '-c',
            String(connections),
            '-r',
            String(perSecond),
            '-l',
            '4',
            '-p',
            '2',
            '-u',
            `${theirs.url}${path}`,
          ]),
    ]);
    const { attack, victim } = document;
    const evicted = `${attack.evictions.count} evicted, median ${attack.evictions.medianMs ?? '–'} ms`;
    table.push(
      [
        kind.padEnd(13),
        name.padEnd(24),
        document.verdict.padEnd(9),
        `slowhttptest: available ${available ?? '?'}`.padEnd(28),
      ]
        .concat(
          `held ${attack.peakHeld}`.padEnd(9),
          evicted,
          `victim ${victim.during.failed}/${victim.during.requests} failed`,
        )
        .join(' | '),
    );
    expect(document.verdict, document.reason).toBe(verdict);
    if (evicts) {
      const [deadlineMs, resolutionMs] = evicts;
      expect(attack.evictions.medianMs).toBeGreaterThan(0.8 * deadlineMs);
      expect(attack.evictions.medianMs).toBeLessThan(1.2 * (deadlineMs + resolutionMs));
    }
    if (available !== undefined) expect(available).toBe(verdict === 'defended' ? 'YES' : 'NO');
  });
});
