import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findToxiproxy } from '../../../faults/toxiproxy/find.ts';
import { missing } from '../../require.ts';

/** The two servers that every parity test runs against, and why one of them is skipped. */
export const SERVERS = await Promise.all(
  (['embedded', 'real'] as const).map(async kind => {
    const env = kind === 'embedded' ? { SQUALL_TOXIPROXY: 'embedded' } : { PATH: process.env.PATH };
    const found = await findToxiproxy({ host: '127.0.0.1', port: 0, seed: 1, env });
    const reason = missing('toxiproxy', kind === 'embedded' || found.source !== 'embedded');
    return { kind, env, isMissing: reason !== false, title: reason ? `${kind} (${reason})` : kind };
  }),
);

const REAL = ['toxiproxy-server', 'toxiproxy-server-2.13'].map(name => ({
  title: name,
  command: join(import.meta.dirname, '../../../.tools/bin', name),
}));
const realRows = (index: number) =>
  REAL.slice(index, index + 1)
    .filter(({ command }) => existsSync(command))
    .map(({ title, command }) => ({ kind: 'real', title, env: { SQUALL_TOXIPROXY: command } }) as const);
/** The real server 2.12 that `npm run tools` builds; empty without it. */
export const REAL_2_12 = realRows(0);
/** The real server 2.13, which it builds where the registry has its module; empty elsewhere. */
export const REAL_2_13 = realRows(1);

/** One row of {@link SERVERS}. */
export type ServerRow = (typeof SERVERS)[number];

/** A running fault proxy and its API. */
export interface RunningServer extends AsyncDisposable {
  readonly apiUrl: string;
  readonly pid: number;
  /** What it has written. */
  output(): string;
  /** Sends SIGTERM and resolves to the exit code. */
  stop(): Promise<number | null>;
}

/** Starts a fault proxy on a free port, with a token if one is given, and waits until its API answers, 10 s at most. */
export async function startServer(
  { env }: Pick<ServerRow, 'env'>,
  seed = 1,
  token?: string,
  flags: readonly string[] = [],
): Promise<RunningServer> {
  const port = await freePort();
  const { command, args } = await findToxiproxy({ host: '127.0.0.1', port, seed, env });
  const child = spawn(command, [...args, ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, LOG_LEVEL: 'fatal', TOXIPROXY_AUTH_TOKEN: token },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', chunk => {
      output += chunk;
    });
  }
  const exited = once(child, 'exit');
  const apiUrl = `http://127.0.0.1:${port}`;
  const stop = async () => {
    child.kill('SIGTERM');
    return (await exited)[0] as number | null;
  };
  for (let tries = 0; tries < 200; tries += 1) {
    if (
      await fetch(`${apiUrl}/version`).then(
        r => r.ok || r.status === 401,
        () => false,
      )
    ) {
      return {
        apiUrl,
        pid: child.pid!,
        output: () => output,
        stop,
        [Symbol.asyncDispose]: async () => void (await stop()),
      };
    }
    await sleep(50);
  }
  await stop();
  throw new Error(`${command} did not answer on ${apiUrl}`);
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
