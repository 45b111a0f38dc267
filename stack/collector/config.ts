import { z } from 'zod';
import { parseConfig } from '../service-config.ts';

/** Configuration of a collector: it keeps spans until their lines have `maxBytes` together, and rejects further ones. */
export const collectorConfigSchema = z.strictObject({
  name: z.string().min(1).default('collector'),
  maxBytes: z.int().min(1).max(4_294_967_296).default(268_435_456),
  /** Of one request, also once unpacked. */
  maxBodyBytes: z.int().min(1).max(268_435_456).default(16_777_216),
});

/** A validated configuration. */
export type CollectorConfig = z.output<typeof collectorConfigSchema>;

/** Parses `COLLECTOR_CONFIG`, see {@link parseConfig}. @throws SquallError `BAD_COLLECTOR_CONFIG` */
export function parseCollectorConfig(text: string | undefined): CollectorConfig {
  return parseConfig('COLLECTOR_CONFIG', collectorConfigSchema, text);
}
