import type { Logger } from 'pino';
import { type Clock, every } from '../../../harness/clock.ts';
import { messageOf } from '../../../harness/errors.ts';
import type { BatchMetrics } from './batch-metrics.ts';
import type { Batches } from './batches.ts';
import type { BatchConfig } from './config.ts';
import type { Files } from './files.ts';
import { checkInput, type InputLimits, inputLine, lineBounds } from './input-lines.ts';
import type { Ledger, Scored } from './ledger/ledger.ts';
import type { LineOutcome, RunningLine } from './line-run.ts';
import type { Claim, Lines } from './lines.ts';
import type { BatchRecord } from './records.ts';
import { batchFiles, resultLine } from './results.ts';
import { sweep } from './sweep.ts';

/** Lines that are checked at once. */
const LINES_PER_SLICE = 200;
/** Longest wait for a line's next attempt. */
const MAX_RETRY_MS = 60_000;
/** Wait after an error of the ledger. */
const LEDGER_RETRY_MS = 100;
/** How long a gateway that stops waits until its lines are given back. */
const GIVE_BACK_MS = 500;

const INPUT_LOST = { code: 'input_file_lost', message: 'The input file is gone.', param: 'input_file_id', line: null };

interface Input {
  readonly content: Buffer;
  readonly bounds: ReturnType<typeof lineBounds>;
}

/** A batch that has not ended. */
interface Open {
  readonly scored: Scored;
  readonly batch: BatchRecord;
}

/** Dependencies of a {@link BatchWorker}. */
export interface WorkerParts {
  readonly config: BatchConfig;
  readonly clock: Clock;
  readonly log: Logger;
  readonly ledger: Ledger;
  readonly files: Files;
  readonly batches: Batches;
  readonly lines: Lines;
  readonly metrics: BatchMetrics;
  /** Of each line. */
  readonly limits: Pick<InputLimits, 'models' | 'maxBodyBytes' | 'maxDepth'>;
  readonly newOwner: () => string;
  /** Sends a line of a batch to an upstream. */
  readonly run: (batch: BatchRecord, body: Buffer) => RunningLine;
  /** Called when a run has ended. */
  readonly onRun: (running: RunningLine) => void;
}

/**
 * Works at the batches of all tenants together with the workers of other gateways: checks their inputs, runs their lines, and puts their
 * results together. Every step is a commit that only one of them makes, and begins from what the ledger holds, so that any of them may
 * end at any time:
 *
 * ```
 *  validating ─► in_progress ──all lines have a result──► finalizing ─► completed
 *      │             ├── the window has passed ──────────►     │ ─────► expired
 *      └► failed     └── cancelling ──no line runs ──────►     └──────► cancelled
 * ```
 */
export class BatchWorker {
  readonly #parts: WorkerParts;
  readonly #stop = new AbortController();
  readonly #running = new Map<Claim, RunningLine>();
  /** Inputs of batches whose lines run. */
  readonly #inputs = new Map<string, Input>();
  #wake = Promise.withResolvers<void>();
  #turn = 0;

  constructor(parts: WorkerParts) {
    this.#parts = parts;
  }

  get running(): number {
    return this.#running.size;
  }

  /** Works until it is {@link stop}ped. */
  async work(): Promise<void> {
    const { config, clock, metrics, log } = this.#parts;
    const { signal } = this.#stop;
    let isUp: boolean | undefined;
    const end = every(clock, config.leaseMs / 3, () => this.#renew());
    signal.addEventListener('abort', end);
    while (!signal.aborted) {
      const wake = this.#wake.promise;
      try {
        await this.#pass();
        if (isUp === false) log.info('batch ledger up');
        isUp = true;
      } catch (error) {
        if (signal.aborted) return;
        if (isUp !== false) log.warn({ reason: messageOf(error) }, 'batch ledger down');
        isUp = false;
      }
      metrics.ledgerUp.set(isUp ? 1 : 0);
      await Promise.race([wake, clock.sleep(config.pollMs, signal).catch(() => {})]);
    }
  }

  /** Looks for work now. */
  wake(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  /** Begins no more lines. */
  stop(): void {
    this.#stop.abort('stopped');
    this.wake();
  }

  /** Ends the lines that run, and gives them back, to be run by others. */
  async cancelAll(): Promise<void> {
    for (const running of this.#running.values()) running.cancel();
    const { clock } = this.#parts;
    const startedMs = clock.nowMs();
    while (this.#running.size > 0 && clock.nowMs() - startedMs < GIVE_BACK_MS) await clock.sleep(5);
  }

  async #pass(): Promise<void> {
    const { batches, ledger } = this.#parts;
    const open: Open[] = [];
    for (const scored of await batches.open()) {
      const batch = await batches.find(scored.member);
      if (batch) open.push({ scored, batch });
    }
    await sweep(this.#parts, await ledger.nowMs());
    this.#turn += 1;
    for (const { scored, batch } of inTurn(open, this.#turn)) {
      if (this.#stop.signal.aborted) break;
      const nowMs = await ledger.nowMs();
      if (batch.status === 'in_progress') await this.#progress(batch, nowMs);
      else if (batch.status === 'cancelling') await this.#endCancelled(batch, nowMs);
      else if (scored.score <= nowMs && (await batches.takeStep(scored, nowMs))) await this.#step(batch, nowMs);
    }
    const needed = new Set([...this.#running.keys()].map(({ batch }) => batch.id));
    for (const id of this.#inputs.keys()) if (!needed.has(id)) this.#inputs.delete(id);
  }

  async #progress(batch: BatchRecord, nowMs: number): Promise<void> {
    const { batches, config } = this.#parts;
    const isDone = batch.completed + batch.failed === batch.total;
    if (isDone || nowMs >= batch.expiresMs) {
      if (await batches.finalize(batch, isDone ? 'completed' : 'expired', nowMs)) this.#changed('finalizing');
      return;
    }
    let current: BatchRecord | undefined = batch;
    while (current?.status === 'in_progress' && this.#running.size < config.concurrency && !this.#stop.signal.aborted) {
      const input = await this.#input(batch);
      if (!input) return void (await batches.finalize(current, 'expired', nowMs));
      const claim = await this.#parts.lines.claim(current, this.#parts.newOwner());
      if (claim === 'none') return;
      if (claim !== 'conflict') await this.#begin(claim, input);
      current = await batches.find(batch.id);
    }
  }

  async #begin(claim: Claim, { content, bounds }: Input): Promise<void> {
    const { config, metrics, lines, run } = this.#parts;
    const { batch, line, attempts } = claim;
    const { customId, body } = inputLine(content, bounds[line]!);
    if (attempts > 1) metrics.reruns.inc();
    if (attempts > config.maxAttempts) {
      const message = `The request was begun ${config.maxAttempts} times, and never came to an end.`;
      const result = resultLine(claim, customId, { code: 'attempts_exhausted', message }, config.maxAttempts);
      if (await lines.complete(claim, 'error', result)) metrics.lines.labels('failed').inc();
      return;
    }
    const running = run(batch, body);
    this.#running.set(claim, running);
    void running.ended.then(outcome => this.#finish(claim, customId, running, outcome));
  }

  /** Renews the leases of the lines that run, and ends those that are no longer this gateway's. */
  #renew(): void {
    for (const [claim, running] of this.#running) {
      const renewed = this.#parts.lines.renew(claim).catch(() => true);
      void renewed.then(isOurs => isOurs || running.cancel());
    }
  }

  async #finish(claim: Claim, customId: string, running: RunningLine, outcome: LineOutcome): Promise<void> {
    const { config, lines, metrics, clock, onRun } = this.#parts;
    onRun(running);
    const { attempts } = claim;
    const isUnused =
      outcome.kind === 'unused' || (running.exchange.clientDisconnected && running.exchange.attempts === 0);
    const isAgain =
      isUnused || running.exchange.clientDisconnected || (outcome.isTransient && attempts < config.maxAttempts);
    const kind = outcome.status === 200 ? 'output' : 'error';
    const waitMs = running.exchange.clientDisconnected
      ? 0
      : Math.min(MAX_RETRY_MS, config.retryMs * 2 ** (attempts - 1));
    const result = resultLine(claim, customId, outcome, attempts);
    const write = () => (isAgain ? lines.release(claim, waitMs, isUnused) : lines.complete(claim, kind, result));
    // Until the ledger is back: it may be about to restart, and the line is this gateway's as long as no other has taken it.
    for (let isWritten = false; !isWritten; ) {
      try {
        const isOurs = await write();
        const ended = isUnused ? 'unused' : isAgain ? 'retried' : kind === 'output' ? 'completed' : 'failed';
        metrics.lines.labels(isOurs ? ended : 'superseded').inc();
        isWritten = true;
      } catch {
        if (this.#stop.signal.aborted) break;
        await clock.sleep(LEDGER_RETRY_MS);
      }
    }
    this.#running.delete(claim);
    this.wake();
  }

  async #endCancelled(batch: BatchRecord, nowMs: number): Promise<void> {
    const { lines, batches } = this.#parts;
    if (await lines.areRunning(batch)) return;
    if (await batches.finalize(batch, 'cancelled', nowMs)) this.#changed('finalizing');
  }

  async #step(batch: BatchRecord, nowMs: number): Promise<void> {
    const { batches, lines } = this.#parts;
    const input = await this.#input(batch);
    if (batch.status === 'finalizing') {
      const idOf = (nth: number) => (input ? inputLine(input.content, input.bounds[nth]!).customId : `line-${nth + 1}`);
      const files = await batchFiles(batch, lines, idOf);
      if (await batches.end(batch, files, nowMs)) this.#changed(batch.ending);
      return;
    }
    const errors = input ? await this.#check(batch, input) : [INPUT_LOST];
    if (input && errors.length === 0) {
      if (await batches.begin(batch, input.bounds.length, nowMs)) this.#changed('in_progress');
    } else if (await batches.fail(batch, errors, nowMs)) this.#changed('failed');
  }

  async #check({ endpoint }: BatchRecord, { content, bounds }: Input) {
    const { config, limits, clock } = this.#parts;
    const check = checkInput(content, bounds, { ...limits, maxLines: config.maxLines, endpoint }, LINES_PER_SLICE);
    for (;;) {
      const { done, value } = check.next();
      if (done) return value;
      await clock.sleep(0);
    }
  }

  /** Undefined if the store has lost it, which it must not. */
  async #input({ id, input }: BatchRecord): Promise<Input | undefined> {
    const known = this.#inputs.get(id);
    if (known) return known;
    const content = await this.#parts.files.content(input);
    if (!content) {
      this.#parts.log.error({ batch: id, file: input }, 'the content of an input file is gone');
      return undefined;
    }
    const read = { content, bounds: lineBounds(content) };
    this.#inputs.set(id, read);
    return read;
  }

  #changed(status: BatchRecord['status']): void {
    this.#parts.metrics.recordStatus(status);
    this.wake();
  }
}

/** Batches tenant by tenant: each tenant, and of it each batch, is the first one at times, so that neither many batches nor a long one keep others waiting. */
function inTurn(open: readonly Open[], turn: number): Open[] {
  const tenants = [...Map.groupBy(open, ({ batch }) => batch.tenant).values()];
  const rotated = <T>(all: readonly T[], by: number) => all.map((_, nth) => all[(nth + by) % all.length]!);
  return rotated(tenants, turn).flatMap(own => rotated(own, Math.floor(turn / tenants.length)));
}
