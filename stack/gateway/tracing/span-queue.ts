import { JsonTraceSerializer } from '@opentelemetry/otlp-transformer';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { Logger } from 'pino';
import { settlesWithin } from '../../../harness/clock.ts';
import { messageOf } from '../../../harness/errors.ts';
import type { Machine } from '../../../harness/host/network.ts';
import type { Random } from '../../../harness/random.ts';
import { backoffMs } from '../../../harness/retry/backoff.ts';
import { retryAfterMs } from '../../../harness/retry/retry-after.ts';
import { readText } from '../../observability/bounded-text.ts';
import type { TracingConfig } from './config.ts';
import type { TracingMetrics } from './tracing-metrics.ts';

/** Spans of one request to the endpoint: serialising them takes less than a millisecond. */
const BATCH = 128;
/** As the OTLP specification asks for; other statuses are final. */
const RETRYABLE = [429, 502, 503, 504];
const RETRIES = { baseDelayMs: 1000, maxDelayMs: 30_000, jitter: 'equal' } as const;
const MAX_RETRIES = 4;
/** How long a gateway that stops waits for its last spans, in ms. */
const FLUSH_MS = 1000;
const MAX_RESPONSE_BYTES = 65_536;

interface QueueParts {
  readonly config: TracingConfig;
  readonly machine: Machine;
  readonly headers: Readonly<Record<string, string>>;
  /** Draws the jitter of retries. */
  readonly random: Random;
  readonly metrics: TracingMetrics;
  readonly log: Logger;
}

/**
 * Spans on their way to the endpoint, batch after batch, as OTLP in JSON. Requests never wait for it: while the endpoint is slow or down the queue fills up,
 * and further spans are dropped and counted.
 */
export class SpanQueue implements AsyncDisposable {
  readonly #parts: QueueParts;
  readonly #stopped = new AbortController();
  #spans: ReadableSpan[] = [];
  #sending: Promise<void> | undefined;
  #cancelTimer: (() => void) | undefined;
  #isDown = false;
  #isStopping = false;

  constructor(parts: QueueParts) {
    this.#parts = parts;
  }

  /** Spans that wait. */
  get size(): number {
    return this.#spans.length;
  }

  /** Takes spans, as many as there is room for. */
  add(spans: readonly ReadableSpan[]): void {
    const { config, metrics, machine } = this.#parts;
    const room = Math.max(0, config.maxQueuedSpans - this.#spans.length);
    this.#spans.push(...spans.slice(0, room));
    metrics.count('overflow', spans.length - Math.min(room, spans.length));
    if (this.#sending || this.#isStopping) return;
    if (this.#spans.length >= BATCH) this.#send();
    else this.#cancelTimer ??= machine.clock.after(config.intervalMs, () => this.#send());
  }

  /** Sends what is left, without retries and for {@link FLUSH_MS} at most. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopping = true;
    if (!this.#sending && this.#spans.length > 0) this.#send();
    const { clock } = this.#parts.machine;
    if (this.#sending) await settlesWithin(this.#sending, FLUSH_MS, clock);
    this.#stopped.abort();
    this.#parts.metrics.count('undelivered', this.#spans.length);
    this.#spans = [];
  }

  #send(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#sending = this.#sendAll().finally(() => {
      this.#sending = undefined;
    });
  }

  async #sendAll(): Promise<void> {
    while (this.#spans.length > 0 && !this.#stopped.signal.aborted) await this.#deliver(this.#spans.splice(0, BATCH));
  }

  /** Sends a batch, with retries. Never rejects. */
  async #deliver(batch: readonly ReadableSpan[]): Promise<void> {
    const { machine, metrics, random, log } = this.#parts;
    const body = JsonTraceSerializer.serializeRequest(batch as ReadableSpan[])!;
    for (let retry = 1; ; retry += 1) {
      const result = await this.#post(body);
      if (typeof result === 'object' && 'rejected' in result) {
        metrics.count('sent', batch.length - result.rejected);
        metrics.count('rejected', result.rejected);
        if (this.#isDown) log.info('spans are delivered again');
        this.#isDown = false;
        return;
      }
      if (!this.#isDown) log.warn({ reason: result.reason }, 'spans cannot be delivered');
      this.#isDown = true;
      if (result.isFinal || retry > MAX_RETRIES || this.#isStopping) {
        metrics.count(result.isFinal ? 'rejected' : 'undelivered', batch.length);
        return;
      }
      const waitMs = Math.max(result.waitMs, backoffMs(RETRIES, retry, random));
      await machine.clock.sleep(Math.min(waitMs, RETRIES.maxDelayMs), this.#stopped.signal).catch(() => {});
    }
  }

  async #post(
    body: Uint8Array,
  ): Promise<
    { readonly rejected: number } | { readonly reason: string; readonly isFinal: boolean; readonly waitMs: number }
  > {
    const { config, machine, headers } = this.#parts;
    const { clock, network } = machine;
    const signal = AbortSignal.any([this.#stopped.signal, clock.timeout(config.timeoutMs)]);
    try {
      const response = await network.fetch(config.endpoint, {
        ...{ method: 'POST', redirect: 'error', body: body as Uint8Array<ArrayBuffer>, signal },
        headers: { ...headers, 'content-type': 'application/json' },
      });
      const text = await readText(response.body ?? [], MAX_RESPONSE_BYTES);
      if (response.ok) return { rejected: rejectedIn(text) };
      const waitMs = retryAfterMs(name => response.headers.get(name) ?? undefined, clock.date().getTime());
      return { reason: `status ${response.status}`, isFinal: !RETRYABLE.includes(response.status), waitMs };
    } catch (error) {
      const cause = (error as Error).cause;
      return { reason: messageOf(cause ?? error), isFinal: false, waitMs: 0 };
    }
  }
}

/** Spans that the endpoint says it did not take. */
function rejectedIn(text: string | null): number {
  try {
    return Number(JSON.parse(text || '{}').partialSuccess?.rejectedSpans ?? 0) || 0;
  } catch {
    return 0;
  }
}

/** Headers as `name=value` pairs separated by commas, with values in percent encoding. @throws Error for another text, without any of its values */
export function parseHeaders(text: string | undefined): Record<string, string> {
  const pairs = (text ?? '').split(',').filter(pair => pair.trim() !== '');
  return Object.fromEntries(
    pairs.map((pair, index) => {
      const [, name, value] = /^\s*([\w.-]+)\s*=\s*([\x21-\x7e]*)\s*$/.exec(pair) ?? [];
      if (name === undefined) throw new Error(`Expected name=value, got something else as pair ${index + 1}`);
      return [name, decodeURIComponent(value!)];
    }),
  );
}
