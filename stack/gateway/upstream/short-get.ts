import type { Clock } from '../../../harness/clock.ts';
import type { Deadlines, Watched } from '../forward/deadlines.ts';
import type { Transport } from './transport.ts';

interface ShortGet {
  readonly path: string;
  /** Time for the complete response. */
  readonly timeoutMs: number;
  /** Maximum size of the body. @default 0: it is read, but not kept */
  readonly maxBytes?: number;
}

/** What a {@link ShortGet} waits with. */
export interface ShortGetContext {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
}

/** A `GET` over the connections of an upstream's traffic; undefined without a complete response in time, or when it is too large. Never throws. */
export function shortGet(
  transport: Transport,
  { path, timeoutMs, maxBytes = 0 }: ShortGet,
  { clock, deadlines }: ShortGetContext,
): Promise<{ readonly status: number; readonly body: Buffer } | undefined> {
  return new Promise(resolve => {
    const chunks: Buffer[] = [];
    let status = 0;
    let bytes = 0;
    const finish = (isComplete: boolean) => {
      deadlines.remove(watched);
      resolve(isComplete ? { status, body: Buffer.concat(chunks) } : undefined);
    };
    const abandon = () => {
      call.cancel();
      finish(false);
    };
    const watched: Watched = { dueMs: clock.nowMs() + timeoutMs, expire: abandon };
    deadlines.add(watched);
    const call = transport.send(
      { method: 'GET', path, headers: ['accept', '*/*'] },
      {
        onConnected: () => {},
        onResponse: code => {
          status = code;
        },
        onData: chunk => {
          if (maxBytes === 0) return;
          chunks.push(chunk);
          bytes += chunk.length;
          if (bytes > maxBytes) abandon();
        },
        onEnd: () => finish(true),
        onError: () => finish(false),
      },
    );
  });
}
