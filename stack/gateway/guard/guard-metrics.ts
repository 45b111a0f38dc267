import { Counter, type Registry } from 'prom-client';
import { SECRET_KINDS, type SecretKind } from './secrets.ts';

/** Why the guard rejects a request. */
export type RejectionReason = 'prompt-length' | 'control-characters' | 'max-tokens';

/** Metrics of the guard, named `gateway_guard_…`. */
export class GuardMetrics {
  readonly rejections: Counter<'reason'>;
  /** Requests that were ended at the compute deadline, by what the client got: `finish` · `error`. */
  readonly deadlines: Counter<'end'>;
  readonly #redactions: Counter<'kind'>;

  constructor(registry: Registry) {
    const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
      new Counter({ name: `gateway_guard_${name}`, help, labelNames, registers: [registry] });
    this.rejections = counter('rejections_total', 'Requests rejected by the guard, by reason', 'reason');
    this.deadlines = counter('compute_deadlines_total', 'Requests ended at the compute deadline', 'end');
    this.#redactions = counter('redactions_total', 'Secrets replaced in responses, by kind', 'kind');
    for (const kind of SECRET_KINDS) this.#redactions.labels(kind).inc(0);
  }

  readonly redacted = (kind: SecretKind): void => this.#redactions.labels(kind).inc();
}
