import { z } from 'zod';
import { secretSourceSchema } from '../../service-config.ts';

/** Environment variable in which the stack hands the private key to its gateways. */
export const ENCRYPTION_KEY_VARIABLE = 'GATEWAY_SM2_KEY';

/** Where a client agrees on a key. */
export const AGREEMENT_PATH = '/v1/key-agreement';
/** Header with the name of the session, as the agreement returned it. */
export const SESSION_HEADER = 'x-sm-session';

/**
 * Encryption of bodies, see docs/gateway-encryption.md.
 *
 * - `key`: private key of SM2, 32 bytes as 64 hex digits or in base64: the name of an environment variable, or a file. All gateways have the same.
 * - `sessionMs`: how long an agreed key is accepted.
 * - `required`: completions whose request or response would be plain are refused.
 */
export const encryptionSchema = z.strictObject({
  key: secretSourceSchema(ENCRYPTION_KEY_VARIABLE),
  sessionMs: z.number().min(1000).max(86_400_000).default(600_000),
  required: z.boolean().default(false),
});

/** Settings of encryption that is on. */
export type EncryptionConfig = z.output<typeof encryptionSchema>;
