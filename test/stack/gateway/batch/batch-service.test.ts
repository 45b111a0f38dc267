import { expect, test } from 'vitest';
import { ApiError } from '../../../../stack/gateway/http/api-error.ts';
import type { Stage } from '../../../../stack/gateway/http/exchange.ts';
import { Keyspace } from '../../../../stack/redis/keyspace.ts';
import { FakeClock } from '../../../fake-clock.ts';
import { inputOf, memoryLedger, resultsOf, startService, submit } from './inside.ts';

const START_MS = 1_700_000_000_000;

/** The text of a line's prompt. */
function promptOf(body: Buffer): string {
  return (JSON.parse(String(body)) as { messages: [{ content: string }] }).messages[0].content;
}

/** An upstream that takes 100 ms, and whose response repeats the prompt. */
const echo =
  (clock: FakeClock): Stage =>
  async exchange => {
    exchange.attempts += 1;
    await clock.sleep(100);
    exchange.response.writeHead(200, ['content-type', 'application/json']);
    exchange.response.end(JSON.stringify({ text: promptOf(exchange.body) }));
  };

function begin(serve?: Stage, config: object = {}) {
  const clock = new FakeClock(START_MS);
  const keyspace = new Keyspace();
  const ledger = memoryLedger(keyspace, clock);
  const { service, registry } = startService(ledger, clock, serve ?? echo(clock), { config });
  const find = async (id: string) => (await service.batches.find(id))!;
  return { clock, keyspace, ledger, service, registry, find };
}

test('a batch runs its lines at once up to the concurrency, and its results are in the order of its lines', async () => {
  let most = 0;
  let now = 0;
  const { clock, service, find } = begin(async exchange => {
    exchange.attempts += 1;
    now += 1;
    most = Math.max(most, now);
    await clock.sleep(exchange.body.length % 7 === 0 ? 500 : 100);
    now -= 1;
    exchange.response.writeHead(200, []);
    exchange.response.end(exchange.body);
  });
  const ids = Array.from({ length: 30 }, (_, nth) => `line ${nth} ü`);
  const id = await submit(service, inputOf(ids));
  expect((await find(id)).status).toBe('validating');
  await clock.advance(200);
  expect(await find(id)).toMatchObject({ status: 'in_progress', total: 30 });
  await clock.advance(5000);
  const batch = await find(id);
  expect(batch).toMatchObject({ status: 'completed', completed: 30, failed: 0, errorFile: undefined });
  const results = await resultsOf(service, batch);
  expect(results.map(result => result.custom_id)).toEqual(ids);
  expect(results.every(result => result.response?.status_code === 200 && result.attempts === undefined)).toBe(true);
  expect(results[3]!.response!.body).toMatchObject({ messages: [{ content: 'line 3 ü' }] });
  expect(most).toBe(8);
});

test('a line that fails for a reason of its own is in the error file, one that may succeed later is run again and says so', async () => {
  const runs = new Map<string, number>();
  const { clock, service, find, registry } = begin(async exchange => {
    const prompt = promptOf(exchange.body);
    const run = (runs.get(prompt) ?? 0) + 1;
    runs.set(prompt, run);
    if (prompt === 'busy' && run < 3) throw new ApiError(503, 'no_upstream', 'None.');
    exchange.attempts += 1;
    if (prompt === 'bad') throw new ApiError(400, 'prompt_too_long', 'Too long.');
    if (prompt === 'flaky' && run === 1) throw new ApiError(502, 'upstream_reset', 'Reset.');
    if (prompt === 'broken') throw new ApiError(500, 'upstream_error', 'Broken.');
    exchange.response.writeHead(200, []);
    exchange.response.end('{}');
  });
  const id = await submit(service, inputOf(['good', 'bad', 'flaky', 'busy', 'broken']));
  await clock.advance(60_000);
  const batch = await find(id);
  expect(batch).toMatchObject({ status: 'completed', completed: 3, failed: 2 });
  const results = Object.fromEntries((await resultsOf(service, batch)).map(result => [result.custom_id, result]));
  expect(results.good).not.toHaveProperty('attempts');
  expect(results.bad).toMatchObject({ response: { status_code: 400, body: { error: { code: 'prompt_too_long' } } } });
  expect(results.flaky).toMatchObject({ response: { status_code: 200 }, attempts: 2 });
  // What was not sent to an upstream is no attempt, however often it waited in vain.
  expect(results.busy).toMatchObject({ response: { status_code: 200 } });
  expect(results.busy).not.toHaveProperty('attempts');
  expect(runs.get('busy')).toBe(3);
  expect(results.broken).toMatchObject({ response: { status_code: 500 }, attempts: 5 });
  const text = await registry.metrics();
  expect(text).toContain('gateway_batch_lines_total{result="unused"} 2');
  expect(text).toContain('gateway_batch_reruns_total 5');
});

test('an input with errors fails the batch, and each error has its line', async () => {
  const { clock, service, find } = begin();
  const good = String(inputOf(['a'])).trim();
  const lines = [
    good,
    '{"custom_id": "b"',
    '',
    good,
    good.replace('"a"', '"c"').replace('POST', 'GET'),
    good.replace('"a"', '"d"').replace('/v1/chat/completions', '/v1/embeddings'),
    good.replace('"a"', '"e"').replace('"model"', '"stream":true,"model"'),
    '[]',
  ];
  const id = await submit(service, Buffer.from(lines.join('\n')));
  await clock.advance(500);
  const batch = await find(id);
  expect(batch.status).toBe('failed');
  expect(batch.errors.map(({ line, code, param }) => [line, code, param])).toEqual([
    [2, 'invalid_json_line', null],
    [4, 'duplicate_custom_id', 'custom_id'],
    [5, 'invalid_value', 'method'],
    [6, 'invalid_url', 'url'],
    [7, 'invalid_value', 'body.stream'],
    [8, 'invalid_json_line', null],
  ]);
});

test('a line that is nested too deeply or too long is an error of its batch, and does not keep those of others from running', async () => {
  const { clock, service, find } = begin(undefined, { maxFileBytes: 1_000_000 });
  const [line = '', next = ''] = String(inputOf(['deep', 'long'])).split('\n');
  // `JSON.parse` reads it, and `JSON.stringify` cannot write it.
  const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
  const lines = [
    line.replace('"model"', `"x":${deep},"model"`),
    next.replace('"model"', `"x":"${'y'.repeat(70_000)}","model"`),
  ];
  const id = await submit(service, Buffer.from(lines.join('\n')));
  const other = await submit(service, inputOf(['fine']), 'b');
  await clock.advance(2000);
  expect((await find(other)).status).toBe('completed');
  const { status, errors } = await find(id);
  expect(status).toBe('failed');
  expect(errors.map(error => [error.line, error.code])).toEqual([
    [1, 'json_too_deep'],
    [2, 'body_too_large'],
  ]);
});

test('a line counts however much blank space is before it', async () => {
  const { clock, service, find } = begin();
  const id = await submit(service, Buffer.from(`${' '.repeat(100)}${inputOf(['a'])}${' '.repeat(100)}\n`));
  await clock.advance(1000);
  expect(await find(id)).toMatchObject({ status: 'completed', total: 1, completed: 1 });
});

test.each([
  ['no lines', Buffer.from('\n \n'), 'empty_file'],
  ['too many lines', inputOf(['a', 'b', 'c', 'd']), 'too_many_lines'],
])('an input with %s fails the batch as a whole', async (_, content, code) => {
  const { clock, service, find } = begin(undefined, { maxLines: 3 });
  const id = await submit(service, content);
  await clock.advance(500);
  expect((await find(id)).errors).toMatchObject([{ code, line: null }]);
});

test('a batch that is cancelled keeps what is complete, and runs no further line', async () => {
  const { clock, service, find, ledger } = begin(undefined, { concurrency: 2 });
  const id = await submit(service, inputOf(Array.from({ length: 20 }, (_, nth) => `${nth}`)));
  await clock.advance(350);
  await service.batches.cancel(await find(id), await ledger.nowMs());
  expect((await find(id)).status).toBe('cancelling');
  await clock.advance(1000);
  const batch = await find(id);
  expect(batch.status).toBe('cancelled');
  const results = await resultsOf(service, batch);
  expect(results.length).toBe(batch.completed);
  expect(results.length).toBeGreaterThan(2);
  expect(results.length).toBeLessThan(10);
});

test('what has not run when the window ends is an error of its own, the rest has its results', async () => {
  const { clock, service, find } = begin(undefined, { concurrency: 1, windowMs: 1000 });
  const ids = Array.from({ length: 20 }, (_, nth) => `${nth}`);
  const id = await submit(service, inputOf(ids));
  await clock.advance(3000);
  const batch = await find(id);
  expect(batch.status).toBe('expired');
  const results = await resultsOf(service, batch);
  expect(results.map(result => result.custom_id).sort()).toEqual(ids.sort());
  const expired = results.filter(result => result.error?.code === 'batch_expired');
  expect(expired.length).toBe(20 - batch.completed);
  expect(batch.completed).toBeGreaterThan(3);
});

test('batches share the capacity, so that a short one does not wait for a long one', async () => {
  const { clock, service, find } = begin(undefined, { concurrency: 2 });
  const long = await submit(service, inputOf(Array.from({ length: 200 }, (_, nth) => `${nth}`)));
  await clock.advance(300);
  const short = await submit(service, inputOf(['a', 'b']), 'other');
  await clock.advance(2000);
  expect((await find(short)).status).toBe('completed');
  expect((await find(long)).completed).toBeLessThan(100);
});

test('keys share the capacity, however many batches one of them has', async () => {
  const { clock, service, find } = begin(undefined, { concurrency: 2 });
  const lines = Array.from({ length: 20 }, (_, nth) => `${nth}`);
  for (let nth = 0; nth < 20; nth += 1) await submit(service, inputOf(lines), 'many');
  const id = await submit(service, inputOf(lines), 'one');
  // A half of the capacity is 10 lines a second: 2 s, where a part of 21 would take 21 s.
  await clock.advance(4000);
  expect((await find(id)).status).toBe('completed');
});

test('files and batches are deleted once they were kept for long enough, and the bytes are free again', async () => {
  const { clock, service, find, keyspace } = begin(undefined, {
    keepMs: 10_000,
    maxBytes: 10_000,
    maxBytesPerKey: 10_000,
  });
  const id = await submit(service, inputOf(['a']));
  await clock.advance(2000);
  expect((await find(id)).status).toBe('completed');
  expect((await service.files.usage('a')).own).toBeGreaterThan(200);
  await clock.advance(20_000);
  expect(await service.batches.find(id)).toBeUndefined();
  expect([await service.files.ids('a'), (await service.files.usage('a')).own]).toEqual([[], 0]);
  expect(keyspace.call(clock.nowMs(), 'ZCARD', ['expiry'])).toBe(0);
});

test('a store that is full refuses files with a clear error, and a file that a batch needs is not deleted', async () => {
  const { service } = begin(undefined, { maxBytesPerKey: 4000, maxBytes: 6500 });
  await submit(service, inputOf(['a', 'b']));
  await expect(submit(service, inputOf(['a', 'b']))).rejects.toThrow(/limit is 4000 bytes for your files/);
  await submit(service, inputOf(['a', 'b', 'c']), 'other');
  await expect(submit(service, inputOf(['a', 'b']), 'third')).rejects.toThrow(/limit is 6500 bytes for all files/);
  const [id] = await service.files.ids('a');
  expect(await service.files.remove((await service.files.get('a', id!))!)).toBe(false);
});

test('files and batches without content, or that fail at once, have no endless room either', async () => {
  const { service, clock, keyspace } = begin(undefined, { maxBytesPerKey: 5000, keepMs: 10_000 });
  const empty = Buffer.alloc(0);
  for (let nth = 0; nth < 2; nth += 1) {
    await submit(service, empty);
    await clock.advance(500);
  }
  await expect(submit(service, empty)).rejects.toThrow('The limit is 5000 bytes for your files.');
  await submit(service, empty, 'other');
  await clock.advance(20_000);
  await submit(service, empty);
  await clock.advance(20_000);
  // What is gone counts no longer.
  const counts = (keyspace.call(clock.nowMs(), 'HGETALL', ['usage']) as string[]).filter((_, nth) => nth % 2 === 1);
  expect(counts).toEqual(counts.map(() => '0'));
});

test('a gateway that stops gives its lines back at once', async () => {
  const clock = new FakeClock(START_MS);
  const ledger = memoryLedger(new Keyspace(), clock);
  const hangs: Stage = exchange =>
    new Promise(resolve => {
      exchange.attempts += 1;
      exchange.onClientDisconnect = () => resolve();
    });
  const first = startService(ledger, clock, hangs, { seed: 1, config: { leaseMs: 3_600_000 } }).service;
  const id = await submit(first, inputOf(['a', 'b', 'c']));
  await clock.advance(500);
  const stopped = first[Symbol.asyncDispose]();
  await clock.advance(50);
  await stopped;
  const second = startService(ledger, clock, echo(clock), { seed: 2 }).service;
  await clock.advance(2000);
  const batch = (await second.batches.find(id))!;
  expect(batch).toMatchObject({ status: 'completed', completed: 3 });
  expect((await resultsOf(second, batch)).map(({ attempts }) => attempts)).toEqual([2, 2, 2]);
});
