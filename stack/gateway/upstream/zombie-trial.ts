import type { Deadlines, Watched } from '../forward/deadlines.ts';
import { Opening } from '../forward/output.ts';
import type { ShortGetContext } from './short-get.ts';
import type { Transport } from './transport.ts';
import type { WatchedStream } from './zombies.ts';

/** Request id of trials, by which logs of upstreams tell them from requests of clients. */
const TRIAL_ID = 'gateway-trial';

/** A completion of one token, as the clients of an upstream request it. */
export interface Trial {
  readonly route: string;
  readonly body: Buffer;
}

/** A trial with route and model of a stream; undefined if its body cannot be read. */
export function trialLike({ request: { route, body } }: WatchedStream): Trial | undefined {
  try {
    const { model } = JSON.parse(body.toString('utf8')) as { readonly model?: unknown };
    const prompt = route.endsWith('/chat/completions')
      ? { messages: [{ role: 'user', content: 'hi' }] }
      : { prompt: 'hi' };
    return { route, body: Buffer.from(JSON.stringify({ model, ...prompt, max_tokens: 1, stream: true })) };
  } catch {
    return undefined;
  }
}

/** Whether an upstream responds to a trial with output within `timeoutMs`. Never throws. */
export function passesTrial(
  transport: Transport,
  { route, body }: Trial,
  timeoutMs: number,
  { clock, deadlines }: ShortGetContext & { readonly deadlines: Deadlines },
): Promise<boolean> {
  return new Promise(resolve => {
    const opening = new Opening();
    const finish = (isPassed: boolean) => {
      deadlines.remove(watched);
      resolve(isPassed);
    };
    const watched: Watched = {
      dueMs: clock.nowMs() + timeoutMs,
      expire: () => {
        call.cancel();
        finish(false);
      },
    };
    deadlines.add(watched);
    const headers = ['content-type', 'application/json', 'accept', 'text/event-stream', 'x-request-id', TRIAL_ID];
    const call = transport.send(
      { method: 'POST', path: route, headers, body },
      {
        onConnected: () => {},
        onResponse: status => {
          if (status < 200 || status > 299) finish(false);
        },
        onData: chunk => {
          const verdict = opening.feed(chunk);
          if (verdict) finish(verdict === 'output');
        },
        onEnd: () => finish(opening.end() === 'output'),
        onError: () => finish(false),
      },
    );
  });
}
