import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { ServiceContext } from '../../service-program.ts';
import type { GatewayConfig } from '../config.ts';
import type { IdentityConfig, SigningKeysConfig } from './config.ts';
import { Identity } from './identity.ts';
import { KeyRing } from './keys/key-ring.ts';
import type { KeySource } from './keys/key-source.ts';
import { environmentKeys, fileKeys } from './keys/local-keys.ts';
import { vaultKeys } from './keys/vault-keys.ts';
import { redisStore } from './redis-store.ts';

/**
 * Loads the signing keys of a configuration.
 * @returns makes the gateway's identity, with its metrics in a registry
 * @throws SquallError `BAD_SIGNING_KEYS`
 */
export async function prepareIdentity(
  config: IdentityConfig,
  apiKeyHashes: GatewayConfig['apiKeyHashes'],
  context: Pick<ServiceContext, 'clock' | 'network' | 'environment' | 'newId' | 'settle'>,
  log: Logger,
): Promise<(registry: Registry) => Identity> {
  const { clock, network, settle, newId } = context;
  const keepMs = config.tokenLifeMs + config.leewayMs;
  const ring = await KeyRing.open(sourceOf(config.keys, context), { clock, log, settle, keepMs });
  const store = config.redis && redisStore(config.redis, network);
  return registry => new Identity({ config, apiKeyHashes, ring, store, registry, clock, log, newId, settle });
}

function sourceOf(
  keys: SigningKeysConfig,
  context: Pick<ServiceContext, 'clock' | 'network' | 'environment'>,
): KeySource {
  const { environment } = context;
  switch (keys.from) {
    case 'environment':
      return environmentKeys(keys.variable, environment[keys.variable]);
    case 'file':
      return fileKeys(keys.path, keys.refreshMs);
    case 'vault':
      return vaultKeys(keys, environment[keys.tokenVariable], context);
  }
}
