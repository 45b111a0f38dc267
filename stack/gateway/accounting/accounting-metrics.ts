import { Counter, Gauge, type Registry } from 'prom-client';
import type { COUNTS } from './ledger.ts';
import type { Tokens } from './prices.ts';

const TOKENS = ['prompt', 'cached', 'completion'] as const satisfies readonly (keyof Tokens)[];

/** Metrics of accounting, named `gateway_accounting_…`. No label names a key. */
export class AccountingMetrics {
  readonly #tokens: Counter<'kind'>;
  readonly #waived: Counter<'kind'>;
  readonly #gpuSeconds: Counter;
  readonly #credits: Counter;
  readonly #settled: Counter;
  /** Requests whose usage was dropped, since too many waited. */
  readonly lost: Counter;
  /** Responses without `usage`, whose prompt was estimated and whose tokens were counted by events. */
  readonly estimated: Counter;
  /** Requests of keys with a quota: `granted` · `exceeded` · `local`: granted without Redis · `unavailable`. */
  readonly reservations: Counter<'result'>;
  readonly storeFailures: Counter<'reason'>;

  /** @param pending requests whose usage is not in Redis yet */
  constructor(registry: Registry, pending: () => number) {
    const registers = [registry];
    const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
      new Counter({ name: `gateway_accounting_${name}`, help, labelNames, registers });
    this.#tokens = counter(
      'tokens_total',
      'Tokens that keys are charged for; cached ones are among the prompts',
      'kind',
    );
    this.#waived = counter(
      'waived_tokens_total',
      'Tokens of attempts that failed before the client got anything',
      'kind',
    );
    this.#gpuSeconds = counter('gpu_seconds_total', 'Time of GPUs that keys are charged for');
    this.#credits = counter('credits_total', 'Cost of requests');
    this.#settled = counter('settled_total', 'Requests whose usage is in Redis');
    this.lost = counter('lost_total', 'Requests whose usage was dropped since too many waited for Redis');
    this.estimated = counter('estimated_total', 'Responses that reported no usage');
    this.reservations = counter('reservations_total', 'Requests of keys with a quota by result', 'result');
    this.storeFailures = counter('store_failures_total', 'Calls of Redis without a reply in time, by reason', 'reason');
    const help = 'Requests whose usage is not in Redis yet';
    new Gauge({
      ...{ name: 'gateway_accounting_pending', help, registers },
      collect() {
        this.set(pending());
      },
    });
    for (const kind of TOKENS) for (const one of [this.#tokens, this.#waived]) one.inc({ kind }, 0);
  }

  /** Counts tokens, of attempts that are charged for or not. */
  recordTokens(tokens: Tokens, isWaived: boolean): void {
    for (const kind of TOKENS) (isWaived ? this.#waived : this.#tokens).inc({ kind }, tokens[kind]);
  }

  /** Counts a request that has ended. */
  recordCost({ gpuMicros, microCredits }: Readonly<Record<(typeof COUNTS)[number], number>>): void {
    this.#gpuSeconds.inc(gpuMicros / 1e6);
    this.#credits.inc(microCredits / 1e6);
  }

  recordSettled(requests: number): void {
    this.#settled.inc(requests);
  }
}
