import { z } from 'zod';
import { httpUrlSchema, networkSchema, redisUrlSchema } from '../../service-config.ts';

/** Path of the token endpoint. */
export const TOKEN_PATH = '/oauth/token';

const off = z.literal('off');
const positiveMs = z.number().positive().max(86_400_000);
const sha256 = z.string().regex(/^[0-9a-fA-F]{64}$/, 'must be a SHA-256 in hex');

/**
 * Where the private keys come from that sign tokens: a file or an environment variable with a JSON Web Key, a JWK set or PEM (PKCS #8), or
 * the transit secrets engine of Vault (or OpenBao), which keeps them to itself. The first private key signs, all verify.
 */
const signingKeysSchema = z.discriminatedUnion(
  'from',
  [
    z.strictObject({ from: z.literal('environment'), variable: z.string().min(1).default('GATEWAY_SIGNING_KEYS') }),
    z.strictObject({ from: z.literal('file'), path: z.string().min(1), refreshMs: positiveMs.default(1000) }),
    z.strictObject({
      from: z.literal('vault'),
      url: httpUrlSchema,
      mount: z.string().min(1).default('transit'),
      key: z.string().regex(/^[\w.-]+$/, 'must be letters, digits, dots, dashes and underscores'),
      /** Environment variable with Vault's token. */
      tokenVariable: z.string().min(1).default('VAULT_TOKEN'),
      timeoutMs: positiveMs.default(2000),
      refreshMs: positiveMs.default(5000),
    }),
  ],
  { error: 'expected one of environment, file, vault' },
);

/** Where keys come from, with every default filled in. */
export type SigningKeysConfig = z.output<typeof signingKeysSchema>;

/** What is accepted without a proof of possession: nothing, tokens, or tokens and API keys themselves. */
const bearerSchema = z.enum(['off', 'tokens', 'keys']);

const networks = z.array(networkSchema).min(1).optional();

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).href === `${new URL(text).origin}/`;
}

function hasUniqueKeys(clients: Readonly<Record<string, { readonly sha256: string }>>): boolean {
  const hashes = Object.values(clients).map(client => client.sha256.toLowerCase());
  return new Set(hashes).size === hashes.length;
}

const clientId = z.string().regex(/^[\w.-]{1,64}$/, 'must be 1 to 64 letters, digits, dots, dashes and underscores');

/**
 * Tokens instead of API keys, see docs/gateway-identity.md.
 *
 * - `tokenLifeMs`: a token's life; clients get the next one by asking again.
 * - `bearer`: what is accepted without a DPoP proof (RFC 9449).
 * - `networks`: addresses that clients may send from, as a second factor; without it all.
 * - `origins`: origins by which clients reach the gateway, for the URL of a proof; without any it is the request's own `Host`.
 * - `proofMaxAgeMs`: age at which a proof is refused; `replays: accept` lets one be used again until then.
 * - `leewayMs`: difference of the clocks of gateways and clients.
 * - `clients`: keys with a name, and `networks` and `bearer` of their own, besides `apiKeyHashes`.
 * - `redis`: where gateways share what is revoked and which proofs were used. Without it each knows its own only.
 * - `onOutage`: while Redis is down, `local`: what this gateway knows decides; `fail`: 503.
 */
export const identitySchema = z.strictObject({
  issuer: z.string().min(1).max(256).default('squall-gateway'),
  audience: z.string().min(1).max(256).default('squall-gateway'),
  tokenLifeMs: z.number().min(1000).max(86_400_000).default(1_800_000),
  leewayMs: z.number().min(0).max(60_000).default(2000),
  bearer: bearerSchema.default('off'),
  networks,
  origins: z.array(httpUrlSchema.refine(isOrigin, 'must be an origin without a path: https://llm.example')).default([]),
  proofMaxAgeMs: z.number().min(1000).max(600_000).default(60_000),
  replays: z.enum(['refuse', 'accept']).default('refuse'),
  /** Longest credential that is looked at, in bytes: a token, a proof, a key. */
  maxCredentialBytes: z.int().min(512).max(65_536).default(4096),
  keys: signingKeysSchema.prefault({ from: 'environment' }),
  clients: z
    .record(clientId, z.strictObject({ sha256, networks, bearer: bearerSchema.optional() }))
    .refine(hasUniqueKeys, 'must have a key of its own for each client')
    .default({}),
  redis: z
    .strictObject({
      url: redisUrlSchema,
      timeoutMs: z.number().min(5).max(60_000).default(250),
      keyPrefix: z.string().max(64).default('squall:identity:'),
    })
    .optional(),
  /** Interval between looks for revocations in Redis. One takes effect on every gateway after at most this, a round trip and its timeout. */
  pollMs: z.number().min(10).max(700).default(200),
  onOutage: z.enum(['local', 'fail']).default('local'),
});

/** `off`, or how clients are identified. */
export const identityConfigSchema = z.union([off, identitySchema]).default('off');

/** Validated configuration of identity that is not `off`. */
export type IdentityConfig = z.output<typeof identitySchema>;
