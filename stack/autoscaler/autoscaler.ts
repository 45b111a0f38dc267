import type { Clock } from '../../harness/clock.ts';
import { messageOf } from '../../harness/errors.ts';
import type { Machine } from '../../harness/host/network.ts';
import type { AutoscalerConfig } from './config.ts';
import type { Decider, Outcome, Shown } from './decider.ts';
import type { Pod } from './hpa/pods.ts';
import type { MeasureContext } from './measure/measure.ts';
import type { ValuesReader } from './measure/values.ts';
import type { AutoscalerMetrics } from './metrics.ts';
import type { PodObject, ScaleClient, ScaleReading } from './scale-client.ts';

interface AutoscalerParts {
  readonly config: AutoscalerConfig;
  readonly decider: Decider<unknown>;
  readonly machine: Machine;
  readonly client: ScaleClient;
  readonly reader: ValuesReader;
  readonly metrics: AutoscalerMetrics;
  readonly log: (line: Readonly<Record<string, unknown>>, message: string) => void;
}

/** Status of each condition that is no news when it is first seen. */
const HEALTHY: Shown['conditions'] = Object.fromEntries(
  Object.entries({
    AbleToScale: 'True',
    ScalingActive: 'True',
    ScalingLimited: 'False',
    ScaledToZero: 'False',
  } as const).map(([type, status]) => [type, { status, reason: '', message: '' }]),
);
/** Attempts to set a scale that somebody else keeps changing. */
const MAX_ATTEMPTS = 5;

/**
 * The loop around the pure decision: it scrapes, or reads Prometheus before each decision, and once a period it reads the scale and the pods, decides, and scales. Time in decisions
 * runs `timeScale` times as fast as the clock, so that the seconds of a file are those of production.
 *
 * ```
 * scrape ──┬────┬────┬────┬──    every scrapeMs / timeScale
 * sync ─────────┴─────────┴──    every syncPeriodMs / timeScale, the first one period after the start
 * ```
 */
export class Autoscaler {
  readonly #parts: AutoscalerParts;
  /** Difference between dates and the time of decisions, in ms: dates, too, run `timeScale` times as fast from the start on. */
  readonly #originMs: number;
  #state: unknown;
  #pods: readonly Pod[] = [];
  /** Whether pods were ever read: before, any may exist. */
  #knowsPods = false;
  #problem = '';
  /** Conditions as of the last sync. */
  #conditions: Shown['conditions'] = HEALTHY;

  constructor(parts: AutoscalerParts) {
    this.#parts = parts;
    const { config, decider, machine } = parts;
    this.#state = decider.start;
    this.#originMs = (config.date ?? machine.clock.date()).getTime() - this.#nowMs();
  }

  /** Reads metrics and decides until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { config, machine } = this.#parts;
    const { metricsFrom, scrapeMs, syncPeriodMs, timeScale } = config;
    await Promise.all([
      metricsFrom === 'scrape' &&
        every(scrapeMs / timeScale, machine.clock, signal, 'at-once', () => this.#read(signal)),
      every(syncPeriodMs / timeScale, machine.clock, signal, 'later', () => this.#sync(signal)),
    ]);
  }

  #read(signal: AbortSignal): Promise<void> {
    const { config, reader } = this.#parts;
    const running = new Set(this.#pods.filter(({ phase }) => phase === 'Running').map(({ name }) => name));
    return reader.round(
      (name, service) => !this.#knowsPods || service !== config.deployment || running.has(name),
      signal,
    );
  }

  async #sync(signal: AbortSignal): Promise<void> {
    const { config, client, metrics, log } = this.#parts;
    try {
      const [scale, pods] = await Promise.all([client.read(signal), client.pods(signal)]);
      this.#pods = pods.map(pod => this.#podOf(pod));
      this.#knowsPods = true;
      this.#problem = '';
      if (config.metricsFrom === 'prometheus') await this.#read(signal);
      await this.#decide(scale, signal);
    } catch (error) {
      if (signal.aborted) return;
      this.#state = this.#parts.decider.unreadable(this.#state, messageOf(error));
      metrics.syncs.inc({ result: 'unreachable' });
      if (this.#problem !== messageOf(error)) log({ error: messageOf(error) }, 'the scale cannot be read');
      this.#problem = messageOf(error);
    }
    this.#show();
  }

  async #decide(scale: ScaleReading, signal: AbortSignal): Promise<void> {
    const { decider, reader, metrics, machine, log } = this.#parts;
    const before = this.#state;
    const nowMs = this.#nowMs();
    const date = new Date(this.#originMs + nowMs);
    const pods = this.#pods;
    const { lastMs } = reader;
    const outcome = decider.decide(before, { scale, pods, nowMs, date, measured: () => this.#measured(date) });
    this.#state = outcome.state;
    const { current, desired, text, details } = outcome;
    metrics.replicas.set({ kind: 'current' }, current);
    metrics.replicas.set({ kind: 'existing' }, scale.existing);
    metrics.replicas.set({ kind: 'desired' }, desired);
    if (outcome.rescale) await this.#rescale(outcome, scale, before, signal);
    else metrics.syncs.inc({ result: outcome.isBlind ? 'failed' : 'held' });
    const age = lastMs !== undefined && { sampleAgeMs: Math.round(machine.clock.nowMs() - lastMs) };
    log({ current, desired, ...age, ...details }, text);
  }

  async #rescale(outcome: Outcome<unknown>, scale: ScaleReading, before: unknown, signal: AbortSignal): Promise<void> {
    const { client, decider, metrics, log } = this.#parts;
    const { desired, current, text } = outcome;
    let { version } = scale;
    for (let attempt = 1; ; attempt += 1) {
      try {
        await client.scale(desired, version, text, signal);
        break;
      } catch (error) {
        signal.throwIfAborted();
        if (attempt >= MAX_ATTEMPTS || !messageOf(error).includes('status 409')) {
          this.#state = decider.failed(outcome, before, messageOf(error));
          metrics.syncs.inc({ result: 'unreachable' });
          log({ error: messageOf(error), desired }, 'the scale was not set');
          return;
        }
        version = (await client.read(signal)).version;
      }
    }
    this.#state = decider.scaled(outcome, this.#nowMs());
    metrics.syncs.inc({ result: 'scaled' });
    metrics.rescales.inc({ direction: desired > current ? 'up' : 'down' });
  }

  #measured(date: Date): MeasureContext {
    const { config, reader } = this.#parts;
    const { rules, deployment, timeScale, prometheus } = config;
    const scrapeMs = prometheus ? prometheus.scrapeEveryMs * timeScale : config.scrapeMs;
    return { rules, deployment, scrapeMs, timeScale, pods: this.#pods, values: reader.values(), date };
  }

  /** In the time of decisions. */
  #nowMs(): number {
    return this.#parts.machine.clock.nowMs() * this.#parts.config.timeScale;
  }

  #podOf({ metadata, status }: PodObject): Pod {
    const { config, decider, machine } = this.#parts;
    const { clock } = machine;
    const originMs = clock.date().getTime() - clock.nowMs();
    const timeOf = (iso: string) => (Date.parse(iso) - originMs) * config.timeScale;
    const ready = status.conditions?.find(({ type }) => type === 'Ready');
    return {
      ...{ name: metadata.name, phase: status.phase },
      requests: { [decider.container]: config.requests },
      ...(status.startTime === undefined ? {} : { startedAtMs: timeOf(status.startTime) }),
      ...(ready && { ready: { status: ready.status as 'True', sinceMs: timeOf(ready.lastTransitionTime) } }),
      ...(metadata.deletionTimestamp === undefined ? {} : { isDeleted: true }),
    };
  }

  #show(): void {
    const { decider, metrics, log } = this.#parts;
    const shown = decider.show(this.#state);
    for (const [condition, { status, reason, message }] of Object.entries(shown.conditions))
      if (this.#conditions[condition]?.status !== status)
        log({ condition, status, reason, message }, `${condition} is ${status}: ${reason}`);
    this.#conditions = { ...this.#conditions, ...shown.conditions };
    metrics.metricValues.reset();
    for (const { name, value, target } of shown.metrics) {
      if (value !== undefined) metrics.metricValues.set({ metric: name, kind: 'value' }, value);
      if (target !== undefined) metrics.metricValues.set({ metric: name, kind: 'target' }, target);
    }
    metrics.conditions.reset();
    for (const [type, { status, reason }] of Object.entries(shown.conditions))
      metrics.conditions.set({ type, status, reason }, 1);
    for (const [name, value] of Object.entries(shown.values ?? {})) metrics.policyValues.set({ name }, value);
  }
}

/** Runs a step once a period, which begins whether or not the step before was late; a late one is skipped. */
async function every(
  periodMs: number,
  clock: Clock,
  signal: AbortSignal,
  first: 'at-once' | 'later',
  step: () => Promise<void>,
): Promise<void> {
  const startMs = clock.nowMs();
  try {
    if (first === 'at-once') await step();
    for (;;) {
      const sinceMs = clock.nowMs() - startMs;
      await clock.sleep(periodMs - (sinceMs % periodMs), signal);
      await step();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
