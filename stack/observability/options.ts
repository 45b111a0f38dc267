import { z } from 'zod';

const durationMs = z.number().min(100).max(86_400_000);

/**
 * The `stack.prometheus` section of a scenario. Durations of alerts are those of life; a scenario's `timeScale` divides them.
 * Thresholds are those that self-hosted LLM services are commonly run with; each alert can be moved and none left out, for an
 * alert that nobody wants to see is a threshold that nobody reaches.
 */
export const prometheusOptionsSchema = z.strictObject({
  scrapeEveryMs: durationMs
    .default(1000)
    .describe('between two scrapes of a target, and between two evaluations; not scaled'),
  retentionMs: durationMs.default(86_400_000).describe('how long samples are kept; not scaled'),
  alerts: z
    .strictObject({
      p99LatencyMs: z
        .number()
        .positive()
        .default(1500)
        .describe('P99 time to the first byte of streamed answers at the gateway'),
      p99ForMs: durationMs.default(300_000).describe('how long P99 must lie above it'),
      errorPercent: z.number().positive().max(100).default(5).describe('share of answers with status 5xx'),
      errorOverMs: durationMs.default(300_000).describe('the window over which that share is taken'),
      gpuMemoryPercent: z.number().positive().max(100).default(90),
      queueWarning: z.number().min(0).default(10).describe('requests waiting in all engines of a model'),
      queueCritical: z.number().min(0).default(500),
      sustainedMs: durationMs.default(60_000).describe('how long GPU memory, a queue or a silent target must last'),
    })
    .prefault({}),
});

/** Prometheus options with every default filled in. */
export type PrometheusOptions = z.output<typeof prometheusOptionsSchema>;
