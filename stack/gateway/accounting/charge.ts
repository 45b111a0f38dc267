import type { Transport } from '../upstream/transport.ts';
import type { Reservation } from './ledger.ts';
import type { Meter } from './meter.ts';
import type { RequestedUsage } from './metered-transport.ts';
import { NO_TOKENS, type Tokens } from './prices.ts';

/** An upstream, as far as it matters here. */
interface Target {
  readonly name: string;
  readonly transport: Pick<Transport, 'send'>;
}

/** What a charge is made of. */
export interface ChargeParts {
  readonly caller: string;
  readonly model: string;
  /** Estimate, for a response that does not report it. */
  readonly promptTokens: number;
  readonly requested: RequestedUsage;
  readonly reservation: Reservation | undefined;
  /** Begins an attempt. */
  readonly begin: (upstream: Target) => MeteredAttempt;
  /** Called with tokens of an attempt. @param isEstimated whether the response did not report them */
  readonly onTokens: (tokens: Tokens, isWaived: boolean, isEstimated: boolean) => void;
  /** Called once, when nobody holds it any more. */
  readonly onSettle: (charge: Charge) => void;
}

/** One attempt of a request, whose response is read as it passes. */
interface MeteredAttempt {
  readonly transport: Pick<Transport, 'send'>;
  readonly meter: Meter;
  /** Ends its part of the GPU. @returns that in ms */
  readonly end: () => number;
}

/**
 * What one request is charged for. The caller pays for what it got, or caused and then left; attempts that failed before it got anything are the
 * operator's. A call that several requests share is charged to the one that began it, the others pay nothing: that is why it is held by both the request and the call, and
 * settled when both have ended.
 */
export class Charge {
  readonly parts: ChargeParts;
  tokens: Tokens = NO_TOKENS;
  gpuMs = 0;
  /** Whether the response is that of another request. */
  isReused = false;
  #holders = 1;
  #attempt: MeteredAttempt | undefined;

  constructor(parts: ChargeParts) {
    this.parts = parts;
  }

  /** As logs have it. */
  get fields(): Readonly<Record<'promptTokens' | 'completionTokens', number>> {
    return { promptTokens: this.tokens.prompt, completionTokens: this.tokens.completion };
  }

  hold(): this {
    this.#holders += 1;
    return this;
  }

  release(): void {
    this.#holders -= 1;
    if (this.#holders === 0) this.parts.onSettle(this);
  }

  /** Begins an attempt. @returns the upstream's transport, with a meter in it */
  transportTo(upstream: Target): Pick<Transport, 'send'> {
    this.#attempt = this.parts.begin(upstream);
    return this.#attempt.transport;
  }

  /** Ends the attempt. @param isWaived whether it failed, and the client got nothing of it */
  attempted(isWaived: boolean): void {
    const attempt = this.#attempt;
    if (!attempt) return;
    this.#attempt = undefined;
    const { isReported, ...counted } = attempt.meter.tokens;
    const gpuMs = attempt.end();
    const tokens = isReported ? counted : { ...counted, prompt: this.parts.promptTokens };
    this.parts.onTokens(tokens, isWaived, !isReported);
    if (isWaived) return;
    this.tokens = {
      prompt: this.tokens.prompt + tokens.prompt,
      cached: this.tokens.cached + tokens.cached,
      completion: this.tokens.completion + tokens.completion,
    };
    this.gpuMs += gpuMs;
  }
}
