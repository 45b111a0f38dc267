import { createHash } from 'node:crypto';
import type { Clock } from '../../../../harness/clock.ts';
import type { Counts, Ledger } from '../../../../stack/gateway/accounting/ledger.ts';
import { ledgerCalls } from '../../../../stack/gateway/accounting/ledger-calls.ts';
import {
  ledgerFunctions,
  RESERVE_SCRIPT,
  SETTLE_SCRIPT,
  USAGE_SCRIPT,
} from '../../../../stack/gateway/accounting/ledger-scripts.ts';

const SCRIPTS = { reserveCredits: RESERVE_SCRIPT, settleUsage: SETTLE_SCRIPT, readUsage: USAGE_SCRIPT };

/** How a link to the ledger is: `deaf` loses calls, `mute` loses their replies, both as an error; `hangs` does the former without one. */
export type LinkState = 'up' | 'deaf' | 'mute' | 'hangs';

/** A ledger in memory, with the scripts' functions, and links to it that break. */
export class MemoryLedger {
  readonly #functions = ledgerFunctions();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A gateway's connection. @param stateOf how it is at the moment */
  connect(stateOf: () => LinkState = () => 'up'): Ledger {
    return {
      ...ledgerCalls(async (script, keys, values) => {
        const state = stateOf();
        if (state === 'hangs') return new Promise(() => {});
        if (state === 'deaf') throw new Error('no connection');
        const run = this.#functions.get(createHash('sha1').update(SCRIPTS[script]).digest('hex'))!;
        const result = run(keys, values.map(String), this.#clock.date().getTime(), noCall);
        if (state === 'mute') throw new Error('connection lost');
        return result;
      }),
      open: () => {},
      reconnect: () => {},
      close: () => {},
    };
  }
}

/** These scripts have a state of their own. */
const noCall = () => {
  throw new Error('not expected');
};

/** Counts of which most are zero. */
export function countsOf(some: Partial<Counts>): Counts {
  return { requests: 1, reused: 0, prompt: 0, cached: 0, completion: 0, gpuMicros: 0, microCredits: 0, ...some };
}
