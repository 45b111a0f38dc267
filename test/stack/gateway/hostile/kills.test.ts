import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../harness/random.ts';
import { verifyChain } from '../../../../stack/gateway/audit/verify.ts';
import { freePort } from '../../../faults/toxiproxy/servers.ts';
import { until } from '../../../until.ts';
import { spawnReplica } from '../../inference/replica-process.ts';
import { KEYS, type PartsGateway, startWithParts } from '../fixtures/all-parts.ts';
import { noRedis, startRedis } from '../limits/redis-server.ts';

const REQUESTS = 10_000;
const AT_ONCE = 24;
const BATCHES = 12;
const LINES = 25;
const SEED = 31;
const REQUESTS_BETWEEN_KILLS = 90;
/** Limit of each stage. */
const PATIENCE_MS = 120_000;
const PARTS = [
  ...(['limits', 'balancing', 'admission', 'bulkhead', 'breaker', 'merge', 'cache', 'guard', 'audit'] as const),
  ...(['accounting', 'batch'] as const),
];
const MODEL = 'tiny';
/** Of alice's requests, and of bob's batches. */
const [CHAT_KEY, BATCH_KEY] = [KEYS.alice, KEYS.bob];

/** What one gateway's death may have taken with it, in requests. */
interface Death {
  readonly pending: number;
}

/** Inference on an address of its own, so that it comes back where it was. */
async function restartable(): Promise<
  { readonly url: string; kill(): Promise<void>; restart(): void } & AsyncDisposable
> {
  const address = `127.0.0.1:${await freePort()}`;
  let child: ChildProcess;
  const restart = () => {
    child = spawnReplica(address, JSON.stringify({ timeScale: 1e6, model: MODEL, maxBatch: 8 }));
    // It would stand still once nobody takes its log any more.
    for (const output of [child.stdout!, child.stderr!]) output.resume();
  };
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  restart();
  return { url: `http://${address}`, kill, restart, [Symbol.asyncDispose]: kill };
}

const post = (url: string, key: string, body: string | FormData, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, ...headers },
    body,
    signal: AbortSignal.timeout(20_000),
  });
const get = async (url: string, key: string) =>
  fetch(url, { headers: { authorization: `Bearer ${key}` }, signal: AbortSignal.timeout(20_000) });
const asJson = { 'content-type': 'application/json' };

/** Repeats what fails while something is dead, until it succeeds. @throws Error with the last failure after `PATIENCE_MS` */
async function persistently<T>(what: string, attempt: () => Promise<T | undefined>): Promise<T> {
  let last: unknown;
  const untilMs = performance.now() + PATIENCE_MS;
  while (performance.now() < untilMs) {
    const result = await attempt().catch(error => {
      last = error;
      return undefined;
    });
    if (result !== undefined) return result;
    await sleep(50);
  }
  throw new Error(`${what} did not succeed within ${PATIENCE_MS / 1000} s`, { cause: last });
}

const ok = async <T>(response: Promise<Response>): Promise<T | undefined> => {
  const { status, json } = await response.then(async one => ({ status: one.status, json: await one.json() }));
  return status === 200 ? (json as T) : undefined;
};

describe.skipIf(Boolean(noRedis))(`the gateway with its parts while everything dies ${noRedis || ''}`, () => {
  it(`${REQUESTS} requests while gateways, Redis and replicas are killed: no accepted batch is lost, usage stays within its bound, audit chains are whole`, {
    timeout: 600_000,
  }, async () => {
    await using redis = await startRedis({ persistence: 'append-only', flush: 'always', eviction: 'noeviction' });
    await using stack = new AsyncDisposableStack();
    const replicas: Awaited<ReturnType<typeof restartable>>[] = [];
    for (let nth = 1; nth <= 3; nth += 1) replicas.push(stack.use(await restartable()));
    const upstreams = replicas.map(({ url }, nth) => ({ name: `inference-${nth + 1}`, url }));
    const rest = { upstreams, healthChecks: { intervalMs: 200 }, retries: { maxRetries: 3, baseDelayMs: 20 } };
    const gateways: PartsGateway[] = [];
    for (let nth = 1; nth <= 2; nth += 1)
      gateways.push(stack.use(await startWithParts('http://127.0.0.1:1', PARTS, redis.urlAt(redis.address), rest)));
    const random = seededRandom(SEED);
    const anyOf = <T>(values: readonly T[]): T => values[Math.floor(random.next() * values.length)]!;
    for (const gateway of gateways) await until(async () => (await get(`${gateway.url}/readyz`, CHAT_KEY)).ok, 30_000);

    const deaths: Death[] = [];
    const statuses: Record<string, number> = {};
    let [sent, attempts, whole, running, kills] = [0, 0, 0, true, 0];
    const killer = async () => {
      while (running) {
        const next = sent + REQUESTS_BETWEEN_KILLS * (0.5 + random.next());
        while (running && sent < next) await sleep(20);
        const downMs = 50 + 250 * random.next();
        kills += 1;
        const victim = anyOf(['gateway', 'redis', 'replica'] as const);
        if (victim === 'gateway') {
          const gateway = anyOf(gateways);
          const text = await get(`${gateway.url}/metrics`, CHAT_KEY).then(response => response.text());
          deaths.push({ pending: Number(/^gateway_accounting_pending (\d+)/m.exec(text)![1]) });
          await gateway.kill();
          await sleep(downMs);
          await gateway.restart();
        } else if (victim === 'redis') {
          await redis.kill();
          await sleep(downMs);
          await redis.restart();
        } else {
          const replica = anyOf(replicas);
          await replica.kill();
          await sleep(downMs);
          replica.restart();
        }
      }
    };
    const client = async () => {
      const untilMs = performance.now() + 3 * PATIENCE_MS;
      while (sent < REQUESTS) {
        if (performance.now() > untilMs) throw new Error(`overdue: ${JSON.stringify({ sent, kills, statuses })}`);
        sent += 1;
        const content = `request ${sent}`;
        const body = JSON.stringify({ model: MODEL, max_tokens: 4, messages: [{ role: 'user', content }] });
        const status = await post(`${anyOf(gateways).url}/v1/chat/completions`, CHAT_KEY, body, asJson).then(
          async response => {
            await response.text();
            return response.status;
          },
          () => 0,
        );
        statuses[status] = (statuses[status] ?? 0) + 1;
        attempts += 1;
        if (status === 200) whole += 1;
        // Where nobody listens it is sent anew.
        if (status === 0) sent -= 1;
        if (status !== 200) await sleep(20);
      }
    };
    const submit = async (nth: number) => {
      const lines = Array.from({ length: LINES }, (_, line) =>
        JSON.stringify({
          custom_id: `${nth}-${line}`,
          method: 'POST',
          url: '/v1/chat/completions',
          body: { model: MODEL, max_tokens: 4, messages: [{ role: 'user', content: `batch ${nth} line ${line}` }] },
        }),
      );
      const file = await persistently('upload', () => {
        const form = new FormData();
        form.set('purpose', 'batch');
        form.set('file', new Blob([lines.join('\n')]), 'input.jsonl');
        return ok<{ id: string }>(post(`${anyOf(gateways).url}/v1/files`, BATCH_KEY, form));
      });
      const order = { input_file_id: file.id, endpoint: '/v1/chat/completions', completion_window: '24h' };
      return persistently('batch', () =>
        ok<{ id: string }>(post(`${anyOf(gateways).url}/v1/batches`, BATCH_KEY, JSON.stringify(order), asJson)),
      );
    };
    const accepted: string[] = [];
    const submitter = async () => {
      for (let nth = 0; nth < BATCHES; nth += 1) accepted.push((await submit(nth)).id);
    };
    const killed = killer();
    await Promise.all([...Array.from({ length: AT_ONCE }, client), submitter()]);
    running = false;
    await killed;

    const seen = new Map<string, number>();
    for (const id of accepted) {
      const batch = await persistently(id, async () => {
        const found = await ok<{ status: string; output_file_id?: string; error_file_id?: string }>(
          get(`${gateways[0]!.url}/v1/batches/${id}`, BATCH_KEY),
        );
        if (found && found.status !== 'completed') throw new Error(JSON.stringify(found));
        return found;
      });
      for (const file of [batch.output_file_id, batch.error_file_id].filter(Boolean)) {
        const text = await (await get(`${gateways[0]!.url}/v1/files/${file}/content`, BATCH_KEY)).text();
        for (const line of text.trim().split('\n')) {
          const { custom_id } = JSON.parse(line) as { custom_id: string };
          seen.set(custom_id, (seen.get(custom_id) ?? 0) + 1);
        }
      }
    }
    expect(seen.size, JSON.stringify(statuses)).toBe(BATCHES * LINES);
    expect([...seen.values()].filter(count => count !== 1)).toEqual([]);

    // What clients got whole is counted, once, but for what died with a gateway. Requests that failed may have been counted.
    const settled = async () => {
      const { data } = await persistently('usage', () =>
        ok<{ data: readonly { requests: number }[] }>(get(`${gateways[1]!.url}/v1/usage`, CHAT_KEY)),
      );
      return data.reduce((sum, { requests }) => sum + requests, 0);
    };
    let counted = await settled();
    await until(async () => {
      const before = counted;
      await sleep(500);
      counted = await settled();
      return counted === before;
    }, 30_000);
    // Between the look at what was pending and the death, as many requests as are under way may have ended.
    const mayBeLost = deaths.reduce((sum, { pending }) => sum + pending + AT_ONCE, 0);
    const said = JSON.stringify({ kills, whole, counted, deaths: deaths.length, mayBeLost, statuses });
    expect(counted, said).toBeGreaterThanOrEqual(whole - mayBeLost);
    expect(counted, said).toBeLessThanOrEqual(attempts);
    expect(whole, said).toBeGreaterThan(REQUESTS / 5);
    expect(Math.min(deaths.length, kills - deaths.length), said).toBeGreaterThan(3);
    expect(statuses['500'] ?? 0, said).toBe(0);
    for (const gateway of gateways) {
      expect(gateway.stderr()).toBe('');
      const { finding, records } = await verifyChain(gateway.folder);
      expect(finding).toBeUndefined();
      expect(records).toBeGreaterThan(100);
    }
  });
});
