import { z } from 'zod';
import { httpUrlSchema } from '../../service-config.ts';

const positiveMs = z.number().positive().max(86_400_000);

/**
 * Spans of requests, sent to an OTLP/HTTP endpoint: of all that failed or took `slowMs`, and of `ratio` of the others, which is decided when a request has ended.
 * At most `maxOpenSpans` wait for that, and `maxQueuedSpans` for being sent, every `intervalMs`; others are dropped, and counted.
 */
export const tracingSchema = z.strictObject({
  endpoint: httpUrlSchema.describe('where spans are sent, with its path, such as http://127.0.0.1:4318/v1/traces'),
  ratio: z.number().min(0).max(1).default(0.1).describe('of requests that neither failed nor were slow'),
  slowMs: positiveMs.default(10_000).describe('a request that takes this long is always traced'),
  intervalMs: positiveMs.default(1000).describe('how long spans wait for others to be sent with'),
  timeoutMs: positiveMs.default(5000).describe('of one request to the endpoint'),
  maxQueuedSpans: z.int().min(1).max(1_000_000).default(4096),
  maxOpenSpans: z.int().min(1).max(1_000_000).default(16_384),
});

/** Settings of tracing that is on. */
export type TracingConfig = z.output<typeof tracingSchema>;

/** Headers of requests to the endpoint, such as keys of it: `name=value` pairs separated by commas, as the OpenTelemetry specification names them. */
export const HEADERS_VARIABLE = 'OTEL_EXPORTER_OTLP_HEADERS';
