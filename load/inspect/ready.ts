import type { Clock } from '../../harness/clock.ts';
import type { LoadJob } from '../../harness/contracts.ts';
import { SquallError } from '../../harness/errors.ts';
import { adviceOn, failureText } from '../../harness/failure-text.ts';
import type { Machine, Network } from '../../harness/host/network.ts';
import { formatMs } from '../../harness/quantity.ts';
import type { LoadNote, RequestRecord } from '../../harness/requests.ts';
import { ONLY_HTTP2 } from '../stream/wire/failure.ts';
import { openTargets } from '../stream/wire/targets.ts';
import { welcomesHttp2 } from './http2.ts';
import { failureOf, type SingleRequest, type SingleResult, sendSingle, smallTask } from './single.ts';

/** Pause after an attempt that failed, in ms. */
const PAUSE_MS = 500;
/** Time after which another attempt is made beside one without a response, in ms: a stream may hang for ever. */
const HEDGE_MS = 3000;
/** Limit of the attempts in flight: a model that loads answers them all when it is done. */
const MAX_IN_FLIGHT = 3;

/** How a server became ready. */
export interface Ready {
  /** Time to the end of the first complete response. */
  readonly tookMs: number;
  /** Requests up to then, with those before it. */
  readonly attempts: number;
  /** What the last attempt before it met, such as `503: model is loading`; empty for none. */
  readonly waitedFor: string;
}

/** Error of a server that is not ready, with what it said. */
export class NotReady extends SquallError {
  readonly notes: readonly LoadNote[];

  constructor(code: string, message: string, next: string, notes: readonly LoadNote[], cause?: unknown) {
    super('environment', code, message, { next, cause });
    this.notes = notes;
  }
}

/**
 * Waits until a server completes a request of one token, however healthy it calls itself before: models load for minutes. What may pass
 * is waited for: refused and broken connections, 5xx, 408, 425, 429, a response that does not come. Any other status is final.
 *
 * ```
 * ──x 503 ─ 0.5 s ──x 503 ─ 0.5 s ──────────── 3 s, no response ────► another attempt beside it ──► ready
 * ```
 * @param job of the load whose requests it is to serve
 * @throws NotReady `TARGET_REJECTS` at once, `TARGET_HTTP2` at once, `TARGET_NOT_READY` after `withinMs`; the signal's reason on abort
 */
export async function awaitReady(
  job: LoadJob,
  { withinMs, machine, signal }: { readonly withinMs: number; readonly machine: Machine; readonly signal: AbortSignal },
): Promise<Ready> {
  const url = (job.origin ?? new URL(job.targets[0]!).origin) + new URL(job.targets[0]!).pathname.replace(/\/$/, '');
  const { clock, network } = machine;
  const targets = openTargets(job, machine);
  const startMs = clock.nowMs();
  const leftMs = () => startMs + withinMs - clock.nowMs();
  const inFlight = new Set<SingleRequest>();
  let attempts = 0;
  let last: SingleResult | undefined;
  const words = () => (last ? failureOf(last, failureText) : 'no response');
  const begin = () => {
    const target = targets[attempts % targets.length]!;
    attempts += 1;
    const request = sendSingle(smallTask(job, 1, attempts), target, { clock, limitMs: Math.max(1, leftMs()) });
    inFlight.add(request);
    return request.done.then(result => {
      inFlight.delete(request);
      return result;
    });
  };
  try {
    const waiting = new Set<Promise<SingleResult>>();
    while (leftMs() > 0) {
      signal.throwIfAborted();
      if (waiting.size < MAX_IN_FLIGHT) {
        const begun = begin();
        waiting.add(begun);
        void begun.finally(() => waiting.delete(begun));
      }
      const result = await firstOf(waiting, Math.min(leftMs(), HEDGE_MS), clock, signal);
      if (!result) continue;
      if (isServed(result.record)) return { tookMs: clock.nowMs() - startMs, attempts, waitedFor: last ? words() : '' };
      last = result;
      if (await isOnlyHttp2(result, job.targets[0]!, network, signal)) throw onlyHttp2(url, result);
      if (!mayPass(result.record)) throw rejects(url, words(), result);
      await clock.sleep(Math.min(PAUSE_MS, Math.max(0, leftMs())), signal);
    }
  } finally {
    for (const request of inFlight) request.cut();
  }
  throw new NotReady(
    'TARGET_NOT_READY',
    `Expected ${url} to complete a request of one token within ${formatMs(withinMs)}, but the last of ${attempts} got: ${words()}`,
    'If its model is still loading, give it time: --ready-within 5m.',
    last?.notes ?? [],
    last?.cause,
  );
}

async function firstOf<T>(
  waiting: ReadonlySet<Promise<T>>,
  limitMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<T | undefined> {
  const done = new AbortController();
  const limit = clock.sleep(limitMs, AbortSignal.any([signal, done.signal])).then(() => undefined);
  limit.catch(() => {});
  try {
    return await Promise.race([...waiting, limit]);
  } finally {
    done.abort();
  }
}

/** Whether the server speaks HTTP/2 alone: it says so by its bytes, by 505, or closes and welcomes a client that begins with HTTP/2. */
async function isOnlyHttp2(
  { record, cause }: SingleResult,
  target: string,
  network: Network,
  signal: AbortSignal,
): Promise<boolean> {
  if ((cause as NodeJS.ErrnoException | undefined)?.code === ONLY_HTTP2 || record.status === 505) return true;
  return record.outcome === 'reset' && !record.resent && (await welcomesHttp2(target, network, signal));
}

/** Whether an engine works behind a response, whatever it thinks of one token. */
function isServed({ outcome, firstTokenMs, status }: RequestRecord): boolean {
  return (
    outcome === 'ok' || outcome === 'empty' || outcome === 'engine-abort' || (status === 200 && firstTokenMs !== null)
  );
}

const PASSING = new Set([408, 425, 429]);

function mayPass({ outcome, status }: RequestRecord): boolean {
  return outcome !== 'http-status' || status >= 500 || PASSING.has(status);
}

const NEXT: Readonly<Record<number, string>> = {
  401: 'Give its key: SQUALL_TARGET_AUTHORIZATION=sk-… in the environment.',
  403: 'Give a key that may use the model: SQUALL_TARGET_AUTHORIZATION=sk-… in the environment.',
  404: 'Name a model that it has (--set load.model=…), or correct the path of --target.',
};

function rejects(url: string, words: string, { record, notes, cause }: SingleResult): NotReady {
  const advice = adviceOn(words);
  const next =
    NEXT[record.status] ||
    (advice && `${advice[0]!.toUpperCase()}${advice.slice(1)}.`) ||
    'Change the requests as it says: load.body sets and removes fields, load.headers adds headers.';
  const message = `Expected ${url} to complete a request of one token, but it rejects it: ${words}`;
  return new NotReady('TARGET_REJECTS', message, next, notes, cause);
}

function onlyHttp2(url: string, { notes, cause }: SingleResult): NotReady {
  const next = 'Allow HTTP/1.1 beside it, or put a proxy in between that speaks HTTP/1.1 to its clients.';
  return new NotReady(
    'TARGET_HTTP2',
    `Expected ${url} to speak HTTP/1.1, but it speaks only HTTP/2`,
    next,
    notes,
    cause,
  );
}
