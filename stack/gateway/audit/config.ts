import { isAbsolute } from 'node:path';
import { z } from 'zod';

/**
 * Audit log, see `docs/audit.md`.
 *
 * - `folder`: where its files are, one folder a gateway. The gateway creates it for its own user alone.
 * - `prompts`: whether records hold the bodies of requests.
 * - `keepDays`: number of days, today included, whose files are kept.
 * - `maxBuffered`: maximum number of records that wait to be written; further ones are dropped, and their number is recorded.
 */
export const auditSchema = z.strictObject({
  folder: z.string().refine(isAbsolute, 'must be an absolute path'),
  prompts: z.boolean().default(false),
  keepDays: z.int().min(1).max(3650).default(30),
  maxBuffered: z.int().min(1).max(1_000_000).default(10_000),
});

/** An audit log's configuration with every default filled in. */
export type AuditConfig = z.output<typeof auditSchema>;
