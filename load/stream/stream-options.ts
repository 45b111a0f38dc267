/** Statuses of a server that does not know a field of a request. */
const REJECTIONS = new Set([400, 422]);
/** Limit of requests that are sent again in vain: their rejection has another reason. */
const MAX_VAIN = 3;
const ASKED = { include_usage: true };

/**
 * Whether requests ask for usage, `stream_options: {include_usage: true}`, until a server is found to reject it: a request that is
 * rejected before any was accepted is sent once more without, and if that is accepted, so are all that follow.
 */
export class StreamOptions {
  #state: 'untried' | 'accepted' | 'rejected';
  #vain = 0;

  /** @param isAsked false never asks */
  constructor(isAsked: boolean) {
    this.#state = isAsked ? 'untried' : 'rejected';
    if (!isAsked) this.#vain = MAX_VAIN;
  }

  /** Whether requests ask for usage now. */
  get areSent(): boolean {
    return this.#state !== 'rejected';
  }

  /** The body to send instead of one that got this status; undefined if asking for usage cannot be the reason. */
  bodyAfter(status: number, body: string): string | undefined {
    if (!REJECTIONS.has(status) || this.#state === 'accepted' || this.#vain >= MAX_VAIN) return undefined;
    return withoutUsage(body);
  }

  /** Learns that a body, as it was built, got the expected status. */
  accepted(body: string): void {
    if (this.#state === 'untried' && body.includes('"include_usage":true')) this.#state = 'accepted';
  }

  /** Learns from the response to a body of {@link bodyAfter}. @param isAccepted whether its status was the expected one */
  retried(isAccepted: boolean): void {
    if (isAccepted && this.#state === 'untried') this.#state = 'rejected';
    if (!isAccepted) this.#vain += 1;
  }
}

/** The body without the field as Squall adds it; undefined if it has none, or another. */
function withoutUsage(body: string): string | undefined {
  const { stream_options: options, ...others } = JSON.parse(body) as Record<string, unknown>;
  return JSON.stringify(options) === JSON.stringify(ASKED) ? JSON.stringify(others) : undefined;
}
