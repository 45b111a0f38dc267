import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Clock } from '../../../harness/clock.ts';
import type { Deadlines } from '../forward/deadlines.ts';
import { GuardedCalls } from '../forward/guarded-calls.ts';
import { measurePrompt } from '../guard/prompt.ts';
import { ApiError, unavailable } from '../http/api-error.ts';
import { type CompletionRequest, completionCount, type PromptField } from '../http/completion-request.ts';
import type { Exchange } from '../http/exchange.ts';
import { AccountingMetrics } from './accounting-metrics.ts';
import { Charge } from './charge.ts';
import type { AccountingConfig } from './config.ts';
import { GpuShares } from './gpu-shares.ts';
import type { Ledger, Standing } from './ledger.ts';
import { CHARACTERS_PER_TOKEN } from './meter.ts';
import { meteredTransport, requestedUsage } from './metered-transport.ts';
import { costOf, priceOf } from './prices.ts';
import { type Decision, Quotas } from './quotas.ts';
import { Settlements } from './settlements.ts';

/** What accounting is given. */
export interface AccountingParts {
  readonly config: AccountingConfig;
  readonly ledger: Ledger;
  /** A new unique id. */
  readonly newId: () => string;
  /** Ids of models that are served; those of others count as `other`. Empty, and none has a price of its own: the first hundred of a key. */
  readonly models: readonly string[];
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly registry: Registry;
  readonly log: Logger;
}

const MS_PER_DAY = 86_400_000;
const MICRO = 1_000_000;
/** Fields of the maximum number of tokens, the greatest of which counts: which one does for the engine depends on the path, and on the engine. */
const TOKEN_FIELDS = ['max_completion_tokens', 'max_tokens', 'n_predict'];
/** Names of models of a key that are told apart where none are configured, so that it can choose any: as many as this, and so long at most. */
const MAX_MODELS = 100;
const MAX_NAME = 256;

/**
 * Accounting of a gateway: who used how many tokens and how much of a GPU, and what that costs.
 *
 * ```
 *  request ─► reserve (keys with a quota) ─► attempts, each with a meter ─► end ─► settle ─► ledger
 *                └ 429 insufficient_quota
 * ```
 *
 * Usage is added at most once: a gateway that dies takes with it what its requests in progress used, and what the ledger had not confirmed.
 */
export class Accounting implements AsyncDisposable {
  readonly #parts: AccountingParts;
  readonly #metrics: AccountingMetrics;
  readonly #settlements: Settlements;
  readonly #quotas: Quotas;
  readonly #gpus = new GpuShares();
  readonly #models: ReadonlySet<string>;
  /** Names that a key has used, where no models are configured. */
  readonly #used = new Map<string, Set<string>>();

  constructor(parts: AccountingParts) {
    const { config, ledger, newId, models, clock, deadlines, registry, log } = parts;
    this.#parts = parts;
    this.#models = new Set([...models, ...Object.keys(config.models)]);
    this.#settlements = new Settlements({
      ...{ ledger, clock, log, maxPending: config.maxPending, keepMs: config.keepDays * MS_PER_DAY },
      sender: newId(),
      onSettled: count => this.#metrics.recordSettled(count),
      onLost: () => this.#metrics.lost.inc(),
    });
    this.#metrics = new AccountingMetrics(registry, () => this.#settlements.size);
    const calls = new GuardedCalls({
      ...{ what: 'ledger', timeoutMs: config.redis.timeoutMs, clock, deadlines, log },
      reconnect: () => ledger.reconnect(),
      onFailure: reason => this.#metrics.storeFailures.labels(reason).inc(),
    });
    this.#quotas = new Quotas({ config, ledger, calls, clock });
  }

  /** Requests that have ended, but whose usage the ledger has not confirmed. */
  get pending(): number {
    return this.#settlements.size;
  }

  /** Connects to the ledger. */
  start(): void {
    this.#parts.ledger.open();
  }

  /** Takes what is left to the ledger, if it responds within a second. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#settlements[Symbol.asyncDispose]();
    this.#parts.ledger.close();
  }

  /**
   * Opens the charge of a request, and reserves what it may cost if its key has a quota.
   * @throws ApiError 429 `insufficient_quota`, or 503 `accounting_unavailable` where nothing may be granted without Redis; from the promise
   */
  open(exchange: Exchange, request: CompletionRequest, promptField: PromptField): Promise<void> | void {
    const { caller } = exchange;
    const { model, fields } = request;
    const promptTokens = Math.ceil(measurePrompt(fields, promptField).characters / CHARACTERS_PER_TOKEN);
    const requested = requestedUsage(fields, exchange.streamed && promptField !== 'input');
    const counted = this.#isTold(caller, model) ? model : 'other';
    const base = { caller, model: counted, promptTokens, requested };
    const quota = this.#quotas.of(caller);
    if (quota === undefined) {
      exchange.charge = this.#charge({ ...base, reservation: undefined });
      return;
    }
    const completion = promptField === 'input' ? 0 : this.#maxTokens(fields) * completionCount(fields, promptField);
    const amount = costOf(priceOf(this.#parts.config, counted), { prompt: promptTokens, cached: 0, completion }, 0);
    const reservation = { id: this.#parts.newId(), amount };
    return this.#quotas.reserve(caller, quota, reservation).then(decision => {
      this.#metrics.reservations.labels(decision.result).inc();
      const { result } = decision;
      exchange.rateLimitHeaders = [...exchange.rateLimitHeaders, ...headersOf(decision)];
      if (result === 'unavailable') throw noLedger();
      if (result === 'exceeded') throw exceeded(decision, amount);
      exchange.charge = this.#charge({ ...base, reservation });
    });
  }

  /**
   * A caller's usage from day to day, and where it stands.
   * @throws ApiError 503 without Redis
   */
  async usage(caller: string, days: readonly string[]) {
    const { ledger, config } = this.#parts;
    const quota = this.#quotas.of(caller);
    const standing = quota === undefined ? undefined : await this.#quotas.look(caller, quota);
    const rows = await ledger.usage(caller, days).catch(() => undefined);
    if (!rows || (quota !== undefined && !standing)) throw noLedger();
    const data = rows.map(({ day, model, counts }) => ({
      ...{ date: day, model, requests: counts.requests, reused_requests: counts.reused },
      ...{ prompt_tokens: counts.prompt, cached_tokens: counts.cached, completion_tokens: counts.completion },
      ...{ gpu_seconds: counts.gpuMicros / 1e6, credits: counts.microCredits / MICRO },
    }));
    const ofPeriod = standing && {
      ...{ credits: quota, period_seconds: config.periodMs / 1000, used: standing.used / MICRO },
      ...{ reserved: standing.reserved / MICRO, reset_seconds: Math.ceil(standing.resetMs / 1000) },
    };
    return { object: 'list', data, quota: ofPeriod ?? null };
  }

  #charge(parts: Pick<Charge['parts'], 'caller' | 'model' | 'promptTokens' | 'requested' | 'reservation'>): Charge {
    const { config, clock } = this.#parts;
    return new Charge({
      ...parts,
      begin: upstream => {
        const end = this.#gpus.begin(upstream.name, clock.nowMs());
        const metered = meteredTransport(upstream.transport, parts.requested, config.streamUsage);
        return { ...metered, end: () => end(clock.nowMs()) };
      },
      onTokens: (tokens, isWaived, isEstimated) => {
        this.#metrics.recordTokens(tokens, isWaived);
        if (isEstimated) this.#metrics.estimated.inc();
      },
      onSettle: charge => this.#settle(charge),
    });
  }

  #settle({ parts, tokens, gpuMs, isReused }: Charge): void {
    const { config, clock } = this.#parts;
    const { caller, model, reservation } = parts;
    // What the others of the gateways have at the same replica is not known here.
    const ofGpus = (gpuMs * config.gpus) / config.replicas;
    const counts = {
      ...{ requests: 1, reused: isReused ? 1 : 0, ...tokens, gpuMicros: Math.round(ofGpus * 1000) },
      microCredits: costOf(priceOf(config, model), tokens, ofGpus),
    };
    this.#metrics.recordCost(counts);
    const day = clock.date().toISOString().slice(0, 10);
    this.#settlements.add({ caller, day, model, counts, reservation, periodMs: reservation ? config.periodMs : 0 });
  }

  /** Whether usage of a model is counted by its name. */
  #isTold(caller: string, model: string): boolean {
    if (this.#models.size > 0) return this.#models.has(model);
    const used = this.#used.get(caller) ?? new Set();
    this.#used.set(caller, used);
    if (used.size < MAX_MODELS && model.length <= MAX_NAME) used.add(model);
    return used.has(model);
  }

  #maxTokens(fields: Readonly<Record<string, unknown>>): number {
    const given = TOKEN_FIELDS.map(field => fields[field]).filter(tokens => Number.isSafeInteger(tokens)) as number[];
    return given.length === 0 ? this.#parts.config.reserveTokens : Math.max(0, ...given);
  }
}

function headersOf({ quota, standing }: Decision): string[] {
  const remaining = Math.max(0, quota - (standing.used + standing.reserved) / MICRO);
  const credits = (value: number) => String(Number(value.toFixed(6)));
  return [
    ...['x-quota-limit', credits(quota), 'x-quota-remaining', credits(remaining)],
    ...['x-quota-reset', secondsOf(standing)],
  ];
}

/** 429: until the next period, or until requests in progress have ended where it may fit then. */
function exceeded({ quota, standing }: Decision, amount: number): ApiError {
  const isFullOnly = standing.used + amount <= quota * MICRO && standing.reserved > 0;
  const [message, waitSeconds] = isFullOnly
    ? ['The requests of this API key that are in progress have reserved the rest of its credits.', '1']
    : [`This API key has spent its credits; there are ${quota} more in ${secondsOf(standing)} s.`, secondsOf(standing)];
  return new ApiError(429, 'insufficient_quota', message, null, ['retry-after', waitSeconds]);
}

function noLedger(): ApiError {
  const message = 'Usage cannot be checked at the moment.';
  return unavailable('accounting_unavailable', message);
}

function secondsOf({ resetMs }: Standing): string {
  return String(Math.max(1, Math.ceil(resetMs / 1000)));
}
