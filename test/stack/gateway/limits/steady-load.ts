import { systemClock } from '../../../../harness/clock.ts';
import { chat } from '../fixtures/gateway-process.ts';

/** One request of the load. Times are in ms on the machine's clock. */
export interface Sent {
  readonly atMs: number;
  readonly tookMs: number;
  /** 0 without a response. */
  readonly status: number;
}

/** Running load. */
export interface SteadyLoad {
  /** Stops sending; resolves once every response has arrived. */
  stop(): Promise<readonly Sent[]>;
  /** Completed requests so far. */
  readonly sent: readonly Sent[];
}

/** Sends one request to a gateway. */
type Send = (gateway: { readonly url: string }) => Promise<Response>;

/** Sends chat requests with an API key. */
export function chatAs(key: string): Send {
  return gateway => chat(gateway, { headers: { authorization: `Bearer ${key}` } });
}

/**
 * Sends a request that is not rate limited. Sent alongside the others to the same processes, it separates the effect of a busy
 * machine on latencies from that of the limits.
 */
export const probeHealth: Send = gateway => fetch(`${gateway.url}/healthz`);

/** Sends `perSecond` requests a second to the gateways in turn, an open loop. */
export function steadyLoad(
  gateways: readonly { readonly url: string }[],
  perSecond: number,
  request: Send,
): SteadyLoad {
  const sent: Sent[] = [];
  const startMs = systemClock.nowMs();
  const pending: Promise<void>[] = [];
  const timer = setInterval(() => {
    const due = ((systemClock.nowMs() - startMs) / 1000) * perSecond;
    while (pending.length < due) pending.push(send(pending.length));
  }, 5);
  const send = async (index: number) => {
    const atMs = systemClock.nowMs();
    const status = await request(gateways[index % gateways.length]!).then(
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

/** Requests sent between `fromMs` and `toMs`. */
export function between(sent: readonly Sent[], fromMs: number, toMs: number): readonly Sent[] {
  return sent.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
}

/** Number of requests with this status. */
export function count(sent: readonly Sent[], status: number): number {
  return sent.filter(request => request.status === status).length;
}

/** Quantile of the latencies; `ratio` 0–1. */
export function quantileMs(sent: readonly Sent[], ratio: number): number {
  const sorted = sent.map(({ tookMs }) => tookMs).toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * ratio))] ?? Number.NaN;
}
