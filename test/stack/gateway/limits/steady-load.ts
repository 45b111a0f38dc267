import { systemClock } from '../../../../harness/clock.ts';
import { chat } from '../fixtures/gateway-process.ts';

/** One request of a test's load. Times are ms on the machine's clock. */
export interface Sent {
  readonly atMs: number;
  readonly tookMs: number;
  /** 0 when there was no answer at all. */
  readonly status: number;
}

/** A load under way. */
export interface SteadyLoad {
  /** Stops sending; resolves when every answer is there. */
  stop(): Promise<readonly Sent[]>;
  /** Answered so far. */
  readonly sent: readonly Sent[];
}

/** Sends one request to a gateway; resolves with its answer. */
type Send = (gateway: { readonly url: string }) => Promise<Response>;

/** Sends chat requests with an API key. */
export function chatAs(key: string): Send {
  return gateway => chat(gateway, { headers: { authorization: `Bearer ${key}` } });
}

/**
 * A request that no limit is asked for. Sent beside the others to the same processes, it tells what a busy machine does to
 * latencies from what the limits do.
 */
export const askHealth: Send = gateway => fetch(`${gateway.url}/healthz`);

/** Sends `perSecond` requests a second over the gateways in turn, whether or not earlier ones were answered. */
export function steadyLoad(gateways: readonly { readonly url: string }[], perSecond: number, ask: Send): SteadyLoad {
  const sent: Sent[] = [];
  const startMs = systemClock.nowMs();
  const pending: Promise<void>[] = [];
  const timer = setInterval(() => {
    const due = ((systemClock.nowMs() - startMs) / 1000) * perSecond;
    while (pending.length < due) pending.push(send(pending.length));
  }, 5);
  const send = async (index: number) => {
    const atMs = systemClock.nowMs();
    const status = await ask(gateways[index % gateways.length]!).then(
      async response => {
        await response.text();
        return response.status;
      },
      () => 0,
    );
    sent.push({ atMs, tookMs: systemClock.nowMs() - atMs, status });
  };
  return {
    sent,
    async stop() {
      clearInterval(timer);
      await Promise.all(pending);
      return sent;
    },
  };
}

/** Requests that were sent from `fromMs` to `toMs`. */
export function between(sent: readonly Sent[], fromMs: number, toMs: number): readonly Sent[] {
  return sent.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
}

/** How many had this status. */
export function count(sent: readonly Sent[], status: number): number {
  return sent.filter(request => request.status === status).length;
}

/** The value below which the share `ratio` of the latencies lies. */
export function quantileMs(sent: readonly Sent[], ratio: number): number {
  const sorted = sent.map(({ tookMs }) => tookMs).toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * ratio))] ?? Number.NaN;
}
