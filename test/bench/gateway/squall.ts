import { spawn } from 'node:child_process';
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GatewayConfigInput } from '../../../stack/gateway/config.ts';
import { TOKEN_VARIABLE } from '../../../stack/token.ts';
import { freePort } from '../../faults/toxiproxy/servers.ts';
import { type RunningProxy, running } from './proxies.ts';

const ROOT = join(import.meta.dirname, '../../..');
const KEY = 'sk-bench';
const sha256 = createHash('sha256').update(KEY).digest('hex');

/** Configuration of one part of the gateway, as large as limits may be, so that it works on each request and refuses none. */
type Part = (redis: string, folder: string) => Partial<GatewayConfigInput>;

/** Parts of the gateway, each by itself and all together. */
export const PARTS: Readonly<Record<string, Part>> = {
  keys: () => ({ apiKeyHashes: [sha256] }),
  limits: url => ({
    apiKeyHashes: [sha256],
    limits: { redis: { url }, perKey: { perMinute: 10_000_000, burst: 1_000_000 }, global: { perSecond: 1_000_000 } },
  }),
  identity: url => ({ identity: { bearer: 'tokens', clients: { bench: { sha256 } }, redis: { url } } }),
  admission: () => ({ admission: { capacity: 10_000 } }),
  bulkhead: () => ({ bulkhead: { perUpstream: 10_000 } }),
  breaker: () => ({ breaker: {} }),
  merge: () => ({ merge: {} }),
  cache: url => ({ cache: { redis: { url } } }),
  guard: () => ({ guard: {} }),
  audit: (_, folder) => ({ audit: { folder, maxBuffered: 100_000 } }),
};

/**
 * Starts the gateway in front of one upstream.
 * @param parts of {@link PARTS}; none: as it is by default
 */
export async function startGateway(
  name: string,
  upstream: string,
  parts: readonly string[],
  redis: string,
): Promise<RunningProxy> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'squall-bench-gateway-'));
  const upstreams = [{ name: 'inference-1', url: upstream }];
  const configs = parts.map(part => PARTS[part]!(redis, join(folder, 'audit')));
  const config: GatewayConfigInput = Object.assign({ upstreams }, ...configs);
  // A token takes the place of the key.
  if (config.identity) delete config.apiKeyHashes;
  const { privateKey } = generateKeyPairSync('ed25519');
  const env = {
    ...process.env,
    LISTEN: `127.0.0.1:${port}`,
    GATEWAY_CONFIG: JSON.stringify(config),
    GATEWAY_SIGNING_KEYS: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    GATEWAY_CACHE_KEY: randomBytes(32).toString('hex'),
    [TOKEN_VARIABLE]: randomBytes(32).toString('hex'),
  };
  const child = spawn(process.execPath, [join(ROOT, 'stack/gateway/main.ts')], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const started = await running(name, port, child, { folder });
  if (!config.identity) return { ...started, headers: { authorization: `Bearer ${KEY}` } };
  const response = await fetch(`${started.url}/oauth/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`bench:${KEY}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  });
  const { access_token: token } = (await response.json()) as { access_token: string };
  return { ...started, headers: { authorization: `Bearer ${token}` } };
}
