import type { BatchConfig } from './config.ts';
import { type Contents, PLAIN } from './contents.ts';
import { KEYS } from './files.ts';
import type { Check, Command, Ledger } from './ledger/ledger.ts';
import type { BatchRecord } from './records.ts';

/** A line of a batch that this gateway runs, until its lease ends. */
export interface Claim {
  readonly batch: BatchRecord;
  /** From 0. */
  readonly line: number;
  /** Who runs it: unique, so that one whose lease has ended cannot write a result after another has begun. */
  readonly owner: string;
  /** How often it was begun, this time included. */
  readonly attempts: number;
}

/** Results whose fields are read at once. */
const READ_AT_ONCE = 500;

/** Kind of a result, the first character of what is stored. */
const KIND = { output: 'o', error: 'e' } as const;

/**
 * Lines of batches, in a ledger:
 *
 * ```
 *              ┌── lease ends: its gateway is gone, or paused ──┐
 *              ▼                                                │
 *  not begun ──claim──► run, attempts + 1 ── renew ── renew ────┤
 *              ▲                                                ├──► result, once
 *              └────────────── release: later ──────────────────┘
 * ```
 */
export class Lines {
  readonly #ledger: Ledger;
  readonly #config: BatchConfig;
  readonly #contents: Contents;

  constructor(ledger: Ledger, config: BatchConfig, contents = PLAIN) {
    this.#ledger = ledger;
    this.#config = config;
    this.#contents = contents;
  }

  /**
   * Takes a line: one whose lease has ended, or the first that was not begun.
   * @param owner a new one
   * @returns `none` where all run or have run, `conflict` where another gateway came first
   */
  async claim(batch: BatchRecord, owner: string): Promise<Claim | 'none' | 'conflict'> {
    const { id, next, total } = batch;
    const nowMs = await this.#ledger.nowMs();
    const [due] = await this.#ledger.range(KEYS.leases(id), nowMs, 1);
    if (!due && next >= total) return 'none';
    const line = due ? Number(due.member) : next;
    const checks: Check[] = [
      ['in_progress', 'HGET', KEYS.batch(id), 'status'],
      due ? [String(due.score), 'ZSCORE', KEYS.leases(id), due.member] : [String(next), 'HGET', KEYS.batch(id), 'next'],
    ];
    const commands: Command[] = [
      ['ZADD', KEYS.leases(id), nowMs + this.#config.leaseMs, line],
      ['HSET', KEYS.owners(id), line, owner],
      ['HINCRBY', KEYS.attempts(id), line, 1],
      ...(due ? [] : [['HINCRBY', KEYS.batch(id), 'next', 1] as const]),
    ];
    if (!(await this.#ledger.commit(checks, commands))) return 'conflict';
    const [attempts] = await this.#ledger.values(KEYS.attempts(id), [line]);
    return { batch, line, owner, attempts: Number(attempts) };
  }

  /** Renews a lease. @returns false where the line is no longer this gateway's */
  async renew(claim: Claim): Promise<boolean> {
    const untilMs = (await this.#ledger.nowMs()) + this.#config.leaseMs;
    return this.#ledger.commit([owned(claim)], [['ZADD', KEYS.leases(claim.batch.id), untilMs, claim.line]]);
  }

  /**
   * Gives a line back, to be run later.
   * @param isUnused whether nothing was sent to an upstream, which is no attempt
   */
  async release(claim: Claim, waitMs: number, isUnused: boolean): Promise<boolean> {
    const { batch, line } = claim;
    const fromMs = (await this.#ledger.nowMs()) + waitMs;
    return this.#ledger.commit(
      [owned(claim)],
      [
        ['ZADD', KEYS.leases(batch.id), fromMs, line],
        ['HDEL', KEYS.owners(batch.id), line],
        ...(isUnused ? [['HINCRBY', KEYS.attempts(batch.id), line, -1] as const] : []),
      ],
    );
  }

  /** Writes the result of a line. @returns false where the line is no longer this gateway's, and has or gets another */
  complete(claim: Claim, kind: 'output' | 'error', result: string): Promise<boolean> {
    const { batch, line } = claim;
    const text = KIND[kind] + this.#contents.write(Buffer.from(result), nameOf(batch.id, line));
    return this.#ledger.commit(
      [owned(claim)],
      [
        ['ZREM', KEYS.leases(batch.id), line],
        ['HDEL', KEYS.owners(batch.id), line],
        ['HSET', KEYS.results(batch.id), line, text],
        ['HINCRBY', KEYS.batch(batch.id), kind === 'output' ? 'completed' : 'failed', 1],
      ],
    );
  }

  /** Whether any gateway runs a line of a batch. */
  async areRunning({ id }: BatchRecord): Promise<boolean> {
    const owners = await this.#ledger.fields(KEYS.owners(id));
    const nowMs = await this.#ledger.nowMs();
    const leases = await this.#ledger.range(KEYS.leases(id), Number.POSITIVE_INFINITY, -1);
    return leases.some(({ member, score }) => score > nowMs && owners[member] !== undefined);
  }

  /** Results of a batch's lines in their order; undefined for a line without one. */
  async *results({ id, total }: BatchRecord): AsyncGenerator<{ kind: 'output' | 'error'; text: string } | undefined> {
    for (let from = 0; from < total; from += READ_AT_ONCE) {
      const lines = Array.from({ length: Math.min(READ_AT_ONCE, total - from) }, (_, nth) => from + nth);
      const stored = await this.#ledger.values(KEYS.results(id), lines);
      for (const [nth, line] of lines.entries()) {
        const found = stored[nth] ?? '';
        const text = found === '' ? undefined : this.#contents.read(Buffer.from(found.slice(1)), nameOf(id, line));
        yield text && { kind: found[0] === KIND.output ? 'output' : 'error', text: text.toString('utf8') };
      }
    }
  }
}

/** Name of a line's result. */
function nameOf(id: string, line: number): string {
  return `${KEYS.results(id)} ${line}`;
}

function owned({ batch, line, owner }: Claim): Check {
  return [owner, 'HGET', KEYS.owners(batch.id), line];
}
