import type { CacheStore } from '../../../../stack/gateway/cache/store.ts';
import type { GatewayConfigInput } from '../../../../stack/gateway/config.ts';
import { begin, type Call, type Client, startInMemory, tokenOf } from '../merge/fixture.ts';

/** The last two events of a stream. */
export const STOP = 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n';
export const DONE = 'data: [DONE]\n\n';
/** A stream that may be kept, and a document. */
export const WHOLE = tokenOf('a') + STOP + DONE;
export const DOCUMENT = '{"choices":[{"index":0,"message":{"content":"hi"},"finish_reason":"stop"}]}';
const redis = { url: 'redis://unused' };

/** A store in memory that can be slow, down, or hang. */
export class TestStore implements CacheStore {
  readonly entries = new Map<string, { value: Buffer; ttlMs: number }>();
  mode: 'up' | 'down' | 'hangs' = 'up';
  asked = 0;
  reconnects = 0;
  open(): void {}
  get = async (name: string) => {
    await this.#ready();
    return this.entries.get(name)?.value;
  };
  set = async (name: string, value: Buffer, ttlMs: number) => {
    await this.#ready();
    this.entries.set(name, { value, ttlMs });
  };
  reconnect(): void {
    this.reconnects += 1;
  }
  close(): void {}
  #ready(): Promise<void> {
    this.asked += 1;
    if (this.mode === 'down') return Promise.reject(new Error('no connection'));
    return this.mode === 'hangs' ? new Promise(() => {}) : Promise.resolve();
  }
}

/** A gateway with a cache in memory. */
export function start(cache: Partial<Exclude<GatewayConfigInput['cache'], 'off' | undefined>> = {}, config = {}) {
  const store = new TestStore();
  return { store, ...startInMemory({ retries: 0, cache: { redis, ...cache }, ...config }, store) };
}

/** Responds with a stream, in full. */
export function finish(call: Call, text = WHOLE): void {
  begin(call, text);
  call.handler.onEnd();
}

/** Responds with a body, if there is one. */
export function respond({ handler }: Call, status: number, body = '', headers = {}): void {
  handler.onResponse(status, headers);
  if (body) handler.onData(Buffer.from(body));
  handler.onEnd();
}

/** `x-cache` of a response. */
export const cacheOf = ({ response }: Client) => response!.headers['x-cache'];
