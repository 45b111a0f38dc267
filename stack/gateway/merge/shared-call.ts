import { type ForwardContext, forward } from '../forward/forward.ts';
import { Exchange } from '../http/exchange.ts';
import { Member } from './member.ts';
import type { MergeMetrics } from './merge-metrics.ts';
import { SharedResponse } from './shared-response.ts';

/** Dependencies of {@link SharedCall}. */
export interface CallContext {
  /** Of the call, whose first byte is nobody's. */
  readonly forwardContext: ForwardContext;
  readonly maxBytes: number;
  readonly totalMs: number;
  readonly metrics: MergeMetrics;
}

/** Serves a call. */
export type Serve = (exchange: Exchange, response: SharedResponse, next: () => Promise<void>) => Promise<void>;

/** Stands for all members of a call: what is forwarded is the first one's request, with the gateway's own deadline. */
class SharedExchange extends Exchange {
  constructor(first: Exchange, response: SharedResponse, nowMs: number, totalMs: number) {
    super(first.request, response, first.route, first.trace, nowMs, { draining: false });
    const { caller, corsHeaders, rateLimitHeaders, query, body, model, version, streamed } = first;
    const deadlineMs = nowMs + totalMs;
    Object.assign(this, { caller, corsHeaders, rateLimitHeaders, query, body, model, version, streamed, deadlineMs });
    this.span = first.span?.start('shared call');
    // Until the call is over, which may be after its first member.
    this.charge = first.charge?.hold();
    this.onTruncated = (code, message) => response.abort({ code, message });
  }

  /** Each member has its own. */
  override headers(): string[] {
    return [];
  }
}

/** One upstream call and its members. It goes on as long as it has any. */
export class SharedCall {
  readonly startMs: number;
  readonly response: SharedResponse;
  readonly #exchange: SharedExchange;
  readonly #context: CallContext;
  readonly #members = new Set<Member>();
  #isOver = false;

  constructor(first: Exchange, context: CallContext) {
    const { forwardContext, maxBytes, totalMs } = context;
    this.#context = context;
    this.startMs = forwardContext.clock.nowMs();
    this.response = new SharedResponse(first.request, maxBytes);
    this.#exchange = new SharedExchange(first, this.response, this.startMs, totalMs);
  }

  /** Whether a request that comes now would get the whole response. */
  get isJoinable(): boolean {
    return !this.#isOver && this.response.isWhole;
  }

  /**
   * Sends the response to a client. @param context of the gateway
   * @throws ApiError when nothing has been sent to it
   */
  async join(exchange: Exchange, context: ForwardContext): Promise<void> {
    const member = new Member(
      exchange,
      {
        response: this.response,
        exchange: this.#exchange,
        onLeave: () => this.#left(member),
        onCut: () => this.#context.metrics.cut.inc(),
      },
      context,
    );
    this.#members.add(member);
    const waitsFor = this.#exchange.span;
    const span = exchange.isMerged ? exchange.span?.start('merged', {}, { waitsFor }) : undefined;
    try {
      await member.follow();
    } finally {
      span?.end();
      this.#members.delete(member);
    }
  }

  /** Runs the call to its end. Never rejects. @param serve sends it to an upstream, by `next`, or finds a response elsewhere */
  async run(serve: Serve = (_exchange, _response, next) => next()): Promise<void> {
    let failure: unknown;
    const next = () => forward(this.#exchange, this.#context.forwardContext);
    try {
      await serve(this.#exchange, this.response, next);
    } catch (error) {
      failure = error;
    }
    this.#exchange.charge?.release();
    this.#isOver = true;
    const { span, attempts, reason } = this.#exchange;
    span?.end({ 'squall.attempts': attempts }, reason);
    const { isComplete, abortion } = this.response;
    if (!isComplete && !abortion) failure ??= new Error('The call has ended without a response.');
    if (failure) for (const member of this.#members) member.fail(failure);
  }

  #left(member: Member): void {
    this.#members.delete(member);
    if (this.#members.size > 0 || this.#isOver || this.response.isComplete) return;
    this.#isOver = true;
    this.#context.metrics.cancelled.inc();
    this.#exchange.clientDisconnected = true;
    this.#exchange.onClientDisconnect?.();
  }
}
