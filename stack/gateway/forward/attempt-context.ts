import type { Counter } from 'prom-client';
import type { Clock } from '../../../harness/clock.ts';
import type { GatewayConfig } from '../config.ts';
import type { Guard } from '../guard/guard.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Deadlines } from './deadlines.ts';

/** Dependencies of an attempt. */
export interface AttemptContext {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly timeouts: GatewayConfig['timeouts'];
  readonly hold: GatewayConfig['hold'];
  /** Undefined when it is off. */
  readonly guard: Guard | undefined;
  readonly metrics: { readonly heldChunks: Counter; readonly holdLimits: Counter<'limit'> };
  /** Called when the first byte is sent to the client. */
  readonly onFirstByte: (exchange: Exchange) => void;
}
