import type { Clock } from '../../harness/clock.ts';
import { messageOf } from '../../harness/errors.ts';
import type { Machine } from '../../harness/host/network.ts';
import type { AutoscalerConfig, Source } from './config.ts';
import { decisionText, metricValues } from './decision-text.ts';
import type { Pod } from './hpa/pods.ts';
import { type HpaState, NEW_STATE } from './hpa/status.ts';
import { type Decision, needsMetrics, rescaled, rescaleFailed, sync, unreadable } from './hpa/sync.ts';
import { candidates, containerOf, measure } from './measure/measure.ts';
import { seriesOf } from './measure/resolve.ts';
import { Scraper } from './measure/scraper.ts';
import type { AutoscalerMetrics } from './metrics.ts';
import type { PodObject, ScaleClient, ScaleReading } from './scale-client.ts';

interface AutoscalerParts {
  readonly config: AutoscalerConfig;
  readonly machine: Machine;
  readonly client: ScaleClient;
  readonly metrics: AutoscalerMetrics;
  readonly log: (line: Readonly<Record<string, unknown>>, message: string) => void;
}

/** Attempts to set a scale that somebody else keeps changing. */
const MAX_ATTEMPTS = 5;

/**
 * The loop around the pure decision: it scrapes, and once a period it reads the scale and the pods, decides, and scales. Time in decisions
 * runs `timeScale` times as fast as the clock, so that the seconds of a file are those of production.
 *
 * ```
 * scrape ──┬────┬────┬────┬──    every scrapeMs / timeScale
 * sync ─────────┴─────────┴──    every syncPeriodMs / timeScale, the first one period after the start
 * ```
 */
export class Autoscaler {
  readonly #parts: AutoscalerParts;
  readonly #scraper: Scraper;
  #state: HpaState = NEW_STATE;
  #pods: readonly Pod[] = [];
  /** Whether pods were ever read: before, any may exist. */
  #knowsPods = false;
  #problem = '';

  constructor(parts: AutoscalerParts) {
    this.#parts = parts;
    const { config, machine, metrics } = parts;
    const { manifest, rules, sources, scrapeMs, timeScale } = config;
    const used = manifest.spec.metrics.flatMap(metric => candidates(metric, rules));
    const series = new Set(used.flatMap(seriesOf));
    const windows = used.map(rule => ('series' in rule ? rule.windowMs : 0));
    this.#scraper = new Scraper({
      ...{ sources, machine },
      wanted: name => series.has(name),
      keepMs: (Math.max(scrapeMs, ...windows) + scrapeMs) / timeScale,
      onScrape: (source, isOk) => metrics.scrapes.inc({ source, result: isOk ? 'ok' : 'failed' }),
    });
  }

  /** Scrapes and decides until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { config, machine } = this.#parts;
    const { scrapeMs, syncPeriodMs, timeScale } = config;
    await Promise.all([
      every(scrapeMs / timeScale, machine.clock, signal, 'at-once', () => this.#scrape(signal)),
      every(syncPeriodMs / timeScale, machine.clock, signal, 'later', () => this.#sync(signal)),
    ]);
  }

  #scrape(signal: AbortSignal): Promise<void> {
    const { deployment } = this.#parts.config;
    const running = new Set(this.#pods.filter(({ phase }) => phase === 'Running').map(({ name }) => name));
    const exists = ({ name, service }: Source) => !this.#knowsPods || service !== deployment || running.has(name);
    return this.#scraper.round(exists, signal);
  }

  async #sync(signal: AbortSignal): Promise<void> {
    const { client, metrics, log } = this.#parts;
    try {
      const [scale, pods] = await Promise.all([client.read(signal), client.pods(signal)]);
      this.#pods = pods.map(pod => this.#podOf(pod));
      this.#knowsPods = true;
      this.#problem = '';
      await this.#decide(scale, signal);
    } catch (error) {
      if (signal.aborted) return;
      this.#state = unreadable(this.#state, messageOf(error));
      metrics.syncs.inc({ result: 'unreachable' });
      if (this.#problem !== messageOf(error)) log({ error: messageOf(error) }, 'the scale cannot be read');
      this.#problem = messageOf(error);
    }
    this.#show();
  }

  async #decide(scale: ScaleReading, signal: AbortSignal): Promise<void> {
    const { config, metrics, log } = this.#parts;
    const { manifest, settings } = config;
    const { spec } = manifest;
    const before = this.#state;
    const isNeeded = needsMetrics(spec, settings, before, scale.replicas);
    const decision = sync(spec, settings, before, {
      ...{ current: scale.replicas, existing: scale.existing, pods: this.#pods, nowMs: this.#nowMs() },
      measured: isNeeded ? this.#measure() : [],
    });
    this.#state = decision.state;
    const text = decisionText(spec, decision);
    const { current, desired, reason, proposal, limited } = decision;
    const line = { current, desired, proposal: proposal?.replicas, reason, limited: limited?.reason };
    metrics.replicas.set({ kind: 'current' }, current);
    metrics.replicas.set({ kind: 'existing' }, scale.existing);
    metrics.replicas.set({ kind: 'desired' }, desired);
    if (decision.rescale) await this.#rescale(decision, scale, before, text, signal);
    else metrics.syncs.inc({ result: proposal && proposal.replicas === undefined ? 'failed' : 'held' });
    log({ ...line, metrics: metricValues(spec, proposal?.statuses ?? []) }, text);
  }

  async #rescale(
    decision: Decision,
    scale: ScaleReading,
    before: HpaState,
    text: string,
    signal: AbortSignal,
  ): Promise<void> {
    const { config, client, metrics, log } = this.#parts;
    const { desired, current } = decision;
    let { version } = scale;
    for (let attempt = 1; ; attempt += 1) {
      try {
        await client.scale(desired, version, text, signal);
        break;
      } catch (error) {
        signal.throwIfAborted();
        if (attempt >= MAX_ATTEMPTS || !messageOf(error).includes('status 409')) {
          this.#state = rescaleFailed(decision, before.desiredReplicas, messageOf(error));
          metrics.syncs.inc({ result: 'unreachable' });
          log({ error: messageOf(error), desired }, 'the scale was not set');
          return;
        }
        version = (await client.read(signal)).version;
      }
    }
    this.#state = rescaled(config.manifest.spec, config.settings, decision, this.#nowMs());
    metrics.syncs.inc({ result: 'scaled' });
    metrics.rescales.inc({ direction: desired > current ? 'up' : 'down' });
  }

  #measure() {
    const { config, machine } = this.#parts;
    const { manifest, rules, scrapeMs, timeScale } = config;
    const { metrics } = manifest.spec;
    const container = containerOf(metrics);
    const { clock } = machine;
    const context = { rules, sources: this.#scraper.all(), pods: this.#pods, scrapeMs, timeScale };
    return metrics.map(metric => measure(metric, container, { ...context, nowMs: clock.nowMs(), date: clock.date() }));
  }

  /** In the time of decisions. */
  #nowMs(): number {
    return this.#parts.machine.clock.nowMs() * this.#parts.config.timeScale;
  }

  #podOf({ metadata, status }: PodObject): Pod {
    const { config, machine } = this.#parts;
    const { clock } = machine;
    const originMs = clock.date().getTime() - clock.nowMs();
    const timeOf = (iso: string) => (Date.parse(iso) - originMs) * config.timeScale;
    const ready = status.conditions?.find(({ type }) => type === 'Ready');
    return {
      ...{ name: metadata.name, phase: status.phase },
      requests: { [containerOf(config.manifest.spec.metrics)]: config.requests },
      ...(status.startTime === undefined ? {} : { startedAtMs: timeOf(status.startTime) }),
      ...(ready && { ready: { status: ready.status as 'True', sinceMs: timeOf(ready.lastTransitionTime) } }),
      ...(metadata.deletionTimestamp === undefined ? {} : { isDeleted: true }),
    };
  }

  #show(): void {
    const { config, metrics } = this.#parts;
    const { conditions, currentMetrics } = this.#state;
    metrics.metricValues.reset();
    for (const { name, value, target } of metricValues(config.manifest.spec, currentMetrics)) {
      if (value !== undefined) metrics.metricValues.set({ metric: name, kind: 'value' }, value);
      metrics.metricValues.set({ metric: name, kind: 'target' }, target);
    }
    metrics.conditions.reset();
    for (const [type, { status, reason }] of Object.entries(conditions))
      metrics.conditions.set({ type, status, reason }, 1);
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
