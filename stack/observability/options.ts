import { z } from 'zod';

const durationMs = z.number().min(100).max(86_400_000);

/**
 * Schema of the `stack.prometheus` section of a scenario. Durations of alerts are real durations, which a scenario's `timeScale`
 * divides. Default thresholds are common ones of self-hosted LLM services. No alert can be removed; to silence one, raise its
 * threshold.
 */
export const prometheusOptionsSchema = z.strictObject({
  scrapeEveryMs: durationMs.default(1000).describe('interval of scrapes and rule evaluations; not scaled'),
  retentionMs: durationMs.default(86_400_000).describe('how long samples are kept; not scaled'),
  alerts: z
    .strictObject({
      p99LatencyMs: z
        .number()
        .positive()
        .default(1500)
        .describe('threshold of P99 time to first byte of streamed responses at the gateway'),
      p99ForMs: durationMs.default(300_000).describe('how long P99 must exceed the threshold'),
      errorPercent: z
        .number()
        .positive()
        .max(100)
        .default(5)
        .describe('threshold of responses with status 5xx, in percent'),
      errorOverMs: durationMs.default(300_000).describe('window of the error ratio'),
      gpuMemoryPercent: z.number().positive().max(100).default(90),
      queueWarning: z.number().min(0).default(10).describe('threshold of requests waiting in all engines of a model'),
      queueCritical: z.number().min(0).default(500),
      sustainedMs: durationMs
        .default(60_000)
        .describe('how long high GPU memory, a long queue or failed scrapes must last'),
    })
    .prefault({}),
});

/** Prometheus options with every default filled in. */
export type PrometheusOptions = z.output<typeof prometheusOptionsSchema>;
