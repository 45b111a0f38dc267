import pino from 'pino';
import { Registry } from 'prom-client';
import type { Clock } from '../../../../harness/clock.ts';
import { type Random, seededRandom } from '../../../../harness/random.ts';
import { BatchService } from '../../../../stack/gateway/batch/batch-service.ts';
import { batchSchema } from '../../../../stack/gateway/batch/config.ts';
import type { Contents } from '../../../../stack/gateway/batch/contents.ts';
import { commitFunctions, commitWords } from '../../../../stack/gateway/batch/ledger/commit-script.ts';
import type { Ledger } from '../../../../stack/gateway/batch/ledger/ledger.ts';
import type { BatchRecord } from '../../../../stack/gateway/batch/records.ts';
import type { Stage } from '../../../../stack/gateway/http/exchange.ts';
import type { Keyspace, Reply } from '../../../../stack/redis/keyspace.ts';

/** Ledger on a Redis in memory, without a network. */
export function memoryLedger(keyspace: Keyspace, clock: Clock): Ledger {
  const [commit] = [...commitFunctions().values()];
  const nowMs = () => clock.date().getTime();
  const call = (command: string, ...words: string[]): Reply => keyspace.call(nowMs(), command, words);
  const latin1 = (text: string) => Buffer.from(text).toString('latin1');
  const utf8 = (text: string) => Buffer.from(text, 'latin1').toString('utf8');
  return {
    open: () => {},
    close: () => {},
    reconnect: () => {},
    nowMs: async () => nowMs(),
    async commit(checks, commands) {
      const { keys, values } = commitWords(checks, commands);
      return keyspace.atomically(() => commit!(keys, values.map(latin1), nowMs(), call))[0] === 1;
    },
    async fields(key) {
      const found = call('HGETALL', key) as string[];
      return Object.fromEntries(
        Array.from({ length: found.length / 2 }, (_, nth) => [found[2 * nth]!, utf8(found[2 * nth + 1]!)]),
      );
    },
    values: async (key, names) =>
      (call('HMGET', key, ...names.map(String)) as (string | null)[]).map(value =>
        value === null ? undefined : utf8(value),
      ),
    async bytes(key) {
      const found = call('GET', key) as string | null;
      return found === null ? undefined : Buffer.from(found, 'latin1');
    },
    async range(key, max, limit) {
      const found = call(
        'ZRANGEBYSCORE',
        key,
        '-inf',
        max === Number.POSITIVE_INFINITY ? '+inf' : String(max),
        'WITHSCORES',
        'LIMIT',
        '0',
        String(limit),
      ) as string[];
      return Array.from({ length: found.length / 2 }, (_, nth) => ({
        member: found[2 * nth]!,
        score: Number(found[2 * nth + 1]),
      }));
    },
  };
}

/** Something that holds a ledger's calls back, or lets them fail. */
export type Around = <T>(name: keyof Ledger, call: () => Promise<T>) => Promise<T>;

/** A ledger each of whose calls goes through `around`. */
export function ledgerWith(ledger: Ledger, around: Around): Ledger {
  return {
    ...ledger,
    nowMs: () => around('nowMs', () => ledger.nowMs()),
    commit: (...words) => around('commit', () => ledger.commit(...words)),
    fields: key => around('fields', () => ledger.fields(key)),
    values: (...words) => around('values', () => ledger.values(...words)),
    bytes: key => around('bytes', () => ledger.bytes(key)),
    range: (...words) => around('range', () => ledger.range(...words)),
  };
}

interface ServiceOptions {
  readonly seed?: number;
  readonly config?: object;
  readonly timeoutMs?: number;
  readonly contents?: Contents;
}

/** Batches of one gateway in this process, whose lines are served by `serve`. */
export function startService(
  ledger: Ledger,
  clock: Clock,
  serve: Stage,
  { seed = 1, config = {}, timeoutMs = 60_000, contents }: ServiceOptions = {},
): { readonly service: BatchService; readonly registry: Registry } {
  const registry = new Registry();
  const random = seededRandom(seed);
  const service = new BatchService({
    ...{ ledger, clock, random, timeoutMs, registry, models: [], name: `gateway-${seed}` },
    ...{ maxBodyBytes: 65_536, maxJsonDepth: 'off', contents },
    config: batchSchema.parse({ redis: { url: 'redis://unused' }, leaseMs: 1000, pollMs: 50, ...config }),
    newId: idsOf(random.stream('ids')),
    log: pino({ enabled: false }),
    onRun: () => {},
  });
  service.start({ '/v1/chat/completions': [serve], '/v1/completions': [serve], '/v1/embeddings': [serve] });
  return { service, registry };
}

/** Unique ids. */
export function idsOf(random: Random): () => string {
  return () => Array.from({ length: 4 }, () => random.integer(0x10000000, 0xffffffff).toString(16)).join('');
}

/** An input file. @param lines custom ids */
export function inputOf(lines: readonly string[], endpoint = '/v1/chat/completions'): Buffer {
  const body = (id: string) => ({ model: 'tiny', messages: [{ role: 'user', content: id }] });
  const text = lines.map(id => JSON.stringify({ custom_id: id, method: 'POST', url: endpoint, body: body(id) }));
  return Buffer.from(`${text.join('\n')}\n`);
}

/** Uploads an input and creates a batch of it. @returns the batch's id */
export async function submit({ files, batches, ledger, newId }: BatchService, content: Buffer, tenant = 'a') {
  const createdMs = await ledger.nowMs();
  const input = `file-${newId()}`;
  await files.create({ id: input, tenant, name: 'in.jsonl', purpose: 'batch', createdMs, content });
  const id = `batch_${newId()}`;
  await batches.create({ id, tenant, input, endpoint: '/v1/chat/completions', metadata: null, createdMs });
  return id;
}

/** A line of a result file. */
export interface Result {
  readonly custom_id: string;
  readonly response: { readonly status_code: number; readonly body: unknown } | null;
  readonly error: { readonly code: string } | null;
  readonly attempts?: number;
}

/** Results of a batch that has ended, those of its error file after those of its output file. */
export async function resultsOf({ files }: BatchService, { outputFile, errorFile }: BatchRecord): Promise<Result[]> {
  const texts = await Promise.all(
    [outputFile, errorFile].map(async id => (id === undefined ? '' : String((await files.content(id)) ?? ''))),
  );
  return texts.flatMap(text => (text === '' ? [] : text.trimEnd().split('\n'))).map(line => JSON.parse(line) as Result);
}
