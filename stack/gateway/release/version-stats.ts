import type { Clock } from '../../../harness/clock.ts';
import type { Exchange } from '../http/exchange.ts';
import { type Burn, burnOf } from './burn.ts';
import type { RollbackOptions } from './config.ts';
import { OutcomeWindow, type Tally } from './outcome-window.ts';
import type { ReleaseMetrics, VersionLabels } from './release-metrics.ts';

interface StatsParts {
  readonly labels: VersionLabels;
  readonly rollback: 'off' | RollbackOptions;
  readonly metrics: ReleaseMetrics;
  readonly clock: Clock;
}

/** What became of the requests of one version. */
export class VersionStats {
  readonly #parts: StatsParts;
  readonly #window: OutcomeWindow | undefined;
  #counts = { requests: 0, failed: 0 };

  constructor(parts: StatsParts) {
    const { rollback } = parts;
    this.#parts = parts;
    if (rollback !== 'off')
      this.#window = new OutcomeWindow(rollback.burnRates.flatMap(({ longMs, shortMs }) => [longMs, shortMs]));
  }

  /** Forgets what was counted, for the summary and for the burn rate; metrics go on. */
  restart(): void {
    this.#window?.clear();
    this.#counts = { requests: 0, failed: 0 };
  }

  firstToken(ttftMs: number): void {
    const { labels, rollback, metrics, clock } = this.#parts;
    metrics.ttft.labels(labels.model, labels.version).observe(ttftMs / 1000);
    if (rollback === 'off' || rollback.ttft === 'off') return;
    this.#window?.add({ timed: 1, slow: ttftMs > rollback.ttft.targetMs ? 1 : 0 }, clock.nowMs());
    this.#hasSlow ||= ttftMs > rollback.ttft.targetMs;
  }

  /** Whether a first token was late since the last end of a request. */
  #hasSlow = false;

  /** Records the end of a request. @returns whether something may burn now that did not before */
  ended({ outcome, reason, deadlineLowered, tokens }: Exchange): boolean {
    const { labels, metrics, clock } = this.#parts;
    const { model, version } = labels;
    metrics.tokens.labels(model, version).inc(tokens?.total ?? 0);
    const isExcluded =
      outcome === 'cancelled' || reason === 'compute-deadline' || (reason === 'deadline' && deadlineLowered);
    const isFailed = !isExcluded && outcome !== 'completed';
    metrics.requests.labels(model, version, isExcluded ? 'excluded' : isFailed ? 'error' : 'ok').inc();
    const mayBurn = isFailed || this.#hasSlow;
    this.#hasSlow = false;
    if (isExcluded) return mayBurn;
    this.#window?.add({ requests: 1, failed: isFailed ? 1 : 0 }, clock.nowMs());
    this.#counts.requests += 1;
    if (isFailed) this.#counts.failed += 1;
    return mayBurn;
  }

  /** Whether the version burns its budget, see {@link burnOf}. @param others all other versions of the model */
  burn(others: readonly VersionStats[]): Burn | undefined {
    const { rollback, clock } = this.#parts;
    if (rollback === 'off') return undefined;
    const nowMs = clock.nowMs();
    const own = (windowMs: number) => this.#window!.within(windowMs, nowMs);
    const all = (windowMs: number) => others.map(other => other.#window!.within(windowMs, nowMs)).reduce(sum, NONE);
    return burnOf(rollback, own, all);
  }

  /** Requests and failures since the weights changed. */
  summary() {
    return { ...this.#counts };
  }
}

const NONE: Tally = { requests: 0, failed: 0, timed: 0, slow: 0 };

function sum(a: Tally, b: Tally): Tally {
  return {
    requests: a.requests + b.requests,
    failed: a.failed + b.failed,
    timed: a.timed + b.timed,
    slow: a.slow + b.slow,
  };
}
