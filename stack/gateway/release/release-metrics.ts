import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

const TTFT_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** A version of a model, as labels. */
export interface VersionLabels {
  readonly model: string;
  readonly version: string;
}

/** Metrics of releases, by versions of configured routes. */
export class ReleaseMetrics {
  /** `outcome`: `ok` · `error` · `excluded`: the client left, or caused it. */
  readonly requests: Counter<'model' | 'version' | 'outcome'>;
  readonly ttft: Histogram<'model' | 'version'>;
  readonly tokens: Counter<'model' | 'version'>;
  /** Requests that another version served, since none of the upstreams of theirs was healthy or had room. */
  readonly fallbacks: Counter<'model' | 'version'>;
  /** `slo`: what burnt. */
  readonly rollbacks: Counter<'model' | 'version' | 'slo'>;
  readonly storeUp: Gauge;

  /** @param weights of all versions, read at each scrape */
  constructor(registry: Registry, weights: () => readonly (VersionLabels & { readonly weight: number })[]) {
    const registers = [registry];
    const labelNames = ['model', 'version'] as const;
    const counter = <L extends string>(name: string, help: string, ...more: L[]) =>
      new Counter({ name: `gateway_version_${name}`, help, labelNames: [...labelNames, ...more], registers });
    this.requests = counter('requests_total', 'Requests by version and outcome', 'outcome');
    this.tokens = counter('output_tokens_total', 'Tokens of responses by version');
    this.fallbacks = counter('fallbacks_total', 'Requests that another version served for want of an upstream');
    this.rollbacks = counter('rollbacks_total', 'Automatic rollbacks by objective whose budget burnt', 'slo');
    this.ttft = new Histogram({
      ...{
        name: 'gateway_version_time_to_first_token_seconds',
        help: 'Time to first token, without waits in the gateway',
      },
      ...{ labelNames, buckets: TTFT_SECONDS, registers },
    });
    this.storeUp = new Gauge({
      name: 'gateway_release_redis_up',
      help: '1 while the shared store responds',
      registers,
    });
    new Gauge({
      ...{ name: 'gateway_version_weight', help: 'Weight of each version', labelNames, registers },
      collect() {
        for (const { model, version, weight } of weights()) this.set({ model, version }, weight);
      },
    });
  }
}
