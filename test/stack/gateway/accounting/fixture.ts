import { createHash } from 'node:crypto';
import { newUuid, systemSecrets } from '../../../../harness/host/secrets.ts';
import type { AccountingConfig } from '../../../../stack/gateway/accounting/config.ts';
import { FakeClock } from '../../../fake-clock.ts';
import type { TestStore } from '../cache/fixture.ts';
import { type Call, CHAT, type Client, type Sent, settle, startInMemory, tokenOf } from '../merge/fixture.ts';
import { type LinkState, MemoryLedger } from './memory-ledger.ts';

/** Never connected to. */
export const redis = { url: 'redis://unused' };
const KEYS = ['sk-one', 'sk-two'] as const;
const sha256 = (key: string) => createHash('sha256').update(key).digest('hex');
/** SHA-256 of `sk-one` and `sk-two`. */
export const [ONE, TWO] = KEYS.map(sha256) as [string, string];
const PRICES = { prompt: 1, completion: 10 };
/** OpenAI's usage. */
export const usageOf = (prompt: number, completion: number) => ({
  prompt_tokens: prompt,
  completion_tokens: completion,
});
/** A response: 4 tokens of a prompt, 2 of a completion. */
export const SAID = {
  choices: [{ index: 0, message: { content: 'hi' }, finish_reason: 'stop' }],
  usage: usageOf(4, 2),
};
/** A request for it. */
export const DOCUMENT = { ...CHAT, stream: false };

/** An event with a token, and the usage so far. */
export const step = (text: string, prompt: number, completion: number) =>
  tokenOf(text).replace('}\n\n', `,"usage":${JSON.stringify(usageOf(prompt, completion))}}\n\n`);
/** The end of a stream. */
export const end = (prompt: number, completion: number) =>
  `data: {"choices":[],"usage":${JSON.stringify(usageOf(prompt, completion))}}\n\ndata: [DONE]\n\n`;

/** A gateway with accounting; its ledger is in memory. */
export function start(accounting: Partial<AccountingConfig> | object = {}, config: object = {}, store?: TestStore) {
  const link: { state: LinkState } = { state: 'up' };
  const clock = new FakeClock();
  const memory = new MemoryLedger(clock);
  const ledger = memory.connect(() => link.state);
  const full = { redis, prices: PRICES, ...accounting };
  const base = { apiKeyHashes: [ONE, TWO], retries: 0, models: ['tiny', 'other-model'] };
  const gateway = startInMemory({ ...base, accounting: full, ...config } as never, store, undefined, {
    clock,
    accounting: { ledger, newId: () => newUuid(systemSecrets) },
  });
  const send = async (key: string, sent: Sent = {}) => {
    const client = gateway.connect({ ...sent, headers: { authorization: `Bearer ${key}`, ...sent.headers } });
    await settle();
    return client;
  };
  const counts = async (caller: string) => {
    await settle();
    const rows = await memory.connect().usage(caller, ['1970-01-01']);
    return rows.map(({ model, counts: { requests, reused, prompt, completion } }) => [
      model,
      requests,
      reused,
      prompt,
      completion,
    ]);
  };
  return { ...gateway, link, memory, send, counts };
}

/** Responds with a document. */
export function respond({ handler }: Call, value: unknown = SAID, status = 200): void {
  handler.onResponse(status, { 'content-type': 'application/json' });
  handler.onData(Buffer.from(JSON.stringify(value)));
  handler.onEnd();
}

/** Error of a response. */
export const errorOf = ({ text }: Client) => (JSON.parse(text) as { error: unknown }).error;
