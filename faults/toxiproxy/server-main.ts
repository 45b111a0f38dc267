/**
 * The embedded fault proxy: a program with Toxiproxy's HTTP API and flags, for machines without
 * `toxiproxy-server`. `node server-main.ts -host 127.0.0.1 -port 8474`; exits with 0 on SIGTERM and SIGINT. Where
 * `TOXIPROXY_AUTH_TOKEN` is set, every call of its API must carry that token.
 */
import { readFile, stat } from 'node:fs/promises';
import type { Server } from 'node:http';
import { messageOf } from '../../harness/errors.ts';
import { thisMachine } from '../../harness/host/network.ts';
import { seededRandom } from '../../harness/random.ts';
import { createApi, EMBEDDED_VERSION } from './api.ts';
import { type Flags, parseFlags, USAGE } from './flags.ts';
import type { ProxyLog } from './proxy.ts';
import { ProxyCollection } from './proxy-collection.ts';

const { clock, network } = thisMachine;
const MAX_CONFIG_BYTES = 64 * 1024 * 1024;

const log: ProxyLog = line => process.stdout.write(`${JSON.stringify(line)}\n`);

function readFlags(args: readonly string[]): Flags {
  if (/^--?h(elp)?$/.test(args[0] ?? '')) {
    process.stdout.write(`${USAGE}\n`);
    process.exit(0);
  }
  try {
    return parseFlags(args, clock.date().getTime());
  } catch (error) {
    return quit(2, messageOf(error));
  }
}

function quit(status: number, line: string): never {
  process.stderr.write(`toxiproxy-server (embedded): ${line}\n`);
  process.exit(status);
}

/** Creates the proxies of a file. As in Toxiproxy, a file that cannot be used is a line in the log. */
async function populate(proxies: ProxyCollection, path: string): Promise<void> {
  const time = () => clock.date().toISOString();
  const failed = (message: string, error: unknown) =>
    log({ level: 'error', config: path, error: messageOf(error), time: time(), message });
  try {
    const { size, isFile } = await stat(path).then(found => ({ size: found.size, isFile: found.isFile() }));
    if (!isFile || size > MAX_CONFIG_BYTES) throw new Error(`expected a file of at most ${MAX_CONFIG_BYTES} bytes`);
    const { proxies: created, error } = await proxies.populate(await readFile(path, 'utf8'));
    if (error !== undefined) return failed('Failed to populate proxies from file', error);
    log({ level: 'info', proxies: String(created?.length ?? 0), time: time(), message: 'Populated proxies from file' });
  } catch (error) {
    failed('Error reading config file', error);
  }
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

const {
  host,
  port,
  seed,
  config,
  version,
  proxyMetrics: ofProxies,
  runtimeMetrics: ofRuntime,
} = readFlags(process.argv.slice(2));
if (version) {
  process.stdout.write(`toxiproxy-server version ${EMBEDDED_VERSION}\n`);
  process.exit(0);
}
// Loaded only where it is wanted: it takes memory that a proxy without metrics does not need.
const metrics =
  ofProxies || ofRuntime ? (await import('./metrics.ts')).proxyMetrics({ ofProxies, ofRuntime }) : undefined;
const { onTransferred } = metrics ?? {};
const parts = { machine: thisMachine, random: seededRandom(seed), log };
const proxies = new ProxyCollection(onTransferred ? { ...parts, onTransferred } : parts);
const api = createApi(proxies, { token: process.env.TOXIPROXY_AUTH_TOKEN, metrics });
stopOnSignal(api, proxies);
if (config !== '') await populate(proxies, config);
const listening = await network.listen(api, { host, port }).catch((error: NodeJS.ErrnoException) => {
  return quit(1, error.code === 'EADDRINUSE' ? `${host}:${port} is already in use` : error.message);
});
process.stdout.write(`toxiproxy-server (embedded) ${EMBEDDED_VERSION} listens on ${host}:${listening.port}\n`);
