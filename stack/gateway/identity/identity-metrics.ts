import { Counter, Gauge, type Registry } from 'prom-client';

/** Metrics of identity, named `gateway_identity_…`. */
export class IdentityMetrics {
  /** `type`: `bearer` · `dpop`. */
  readonly issued: Counter<'type'>;
  /** Requests for tokens that got none; `error` as in RFC 6749. */
  readonly denied: Counter<'error'>;
  readonly refused: Counter<'reason'>;
  readonly storeUp: Gauge;
  /** Decisions without the store, by what was decided: `revocations` · `proofs`. */
  readonly fallbacks: Counter<'what'>;
  readonly revocations: Gauge;

  constructor(registry: Registry) {
    const registers = [registry];
    const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
      new Counter({ name: `gateway_identity_${name}`, help, labelNames, registers });
    const gauge = (name: string, help: string) => new Gauge({ name: `gateway_identity_${name}`, help, registers });
    this.issued = counter('tokens_issued_total', 'Access tokens issued by type', 'type');
    this.denied = counter('tokens_denied_total', 'Requests for a token that got none, by error', 'error');
    this.refused = counter('refused_total', 'Requests refused by reason', 'reason');
    this.fallbacks = counter('fallbacks_total', 'Decisions without Redis, which was down or late', 'what');
    this.storeUp = gauge('redis_up', '1 while revocations and proofs are shared in Redis');
    this.revocations = gauge('revocations', 'Keys and tokens known to be revoked');
  }
}
