/**
 * The embedded fault proxy: a program with Toxiproxy's HTTP API and flags, for machines without
 * `toxiproxy-server`. `node server-main.ts -host 127.0.0.1 -port 8474`; exits with 0 on SIGTERM and SIGINT. Where
 * `TOXIPROXY_AUTH_TOKEN` is set, every call of its API must carry that token.
 * Not implemented: `-config`, `-proxy-metrics`, `-runtime-metrics`.
 */
import type { Server } from 'node:http';
import { systemClock } from '../../harness/clock.ts';
import { seededRandom } from '../../harness/random.ts';
import { createApi, EMBEDDED_VERSION } from './api.ts';
import type { ProxyLog } from './proxy.ts';
import { ProxyCollection } from './proxy-collection.ts';

interface Flags {
  readonly host: string;
  readonly port: number;
  /** Decides toxicity and jitter, so that they are repeatable (Toxiproxy ignores its own). */
  readonly seed: number;
  readonly printVersion: boolean;
}

/** Go's flag syntax: one dash or two, value after a space or `=`. */
function parseFlags(args: readonly string[]): Flags {
  const values: Record<string, string> = {
    host: 'localhost',
    port: '8474',
    seed: String(Date.now()),
    version: 'false',
  };
  for (let i = 0; i < args.length; i += 1) {
    const match = /^--?([a-z-]+)(?:=(.*))?$/.exec(args[i]!);
    const name = match?.[1] ?? '';
    if (!match || !(name in values))
      quit(2, `flag provided but not defined: ${args[i]}; known: -host -port -seed -version`);
    if (name === 'version') values.version = match[2] ?? 'true';
    else if (match[2] !== undefined) values[name] = match[2];
    else values[name] = args[++i] ?? quit(2, `flag needs an argument: -${name}`);
  }
  const port = Number(values.port);
  const seed = Number(values.seed);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) quit(2, `expected -port to be 0…65535, got ${values.port}`);
  if (!Number.isSafeInteger(seed)) quit(2, `expected -seed to be a whole number, got ${values.seed}`);
  return { host: values.host!, port, seed, printVersion: values.version === 'true' };
}

function quit(status: number, line: string): never {
  process.stderr.write(`toxiproxy-server (embedded): ${line}\n`);
  process.exit(status);
}

function stopOnSignal(api: Server, proxies: ProxyCollection): void {
  const stop = () => {
    api.close();
    api.closeAllConnections();
    void proxies.close().then(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

const { host, port, seed, printVersion } = parseFlags(process.argv.slice(2));
if (printVersion) {
  process.stdout.write(`toxiproxy-server version ${EMBEDDED_VERSION}\n`);
  process.exit(0);
}
const log: ProxyLog = line => process.stdout.write(`${JSON.stringify(line)}\n`);
const proxies = new ProxyCollection(systemClock, seededRandom(seed), log);
const api = createApi(proxies, process.env.TOXIPROXY_AUTH_TOKEN);
stopOnSignal(api, proxies);
api.once('error', (error: NodeJS.ErrnoException) => {
  quit(1, error.code === 'EADDRINUSE' ? `${host}:${port} is already in use` : error.message);
});
api.listen(port, host, () => {
  const address = api.address();
  const actualPort = typeof address === 'object' && address ? address.port : port;
  process.stdout.write(`toxiproxy-server (embedded) ${EMBEDDED_VERSION} listens on ${host}:${actualPort}\n`);
});
