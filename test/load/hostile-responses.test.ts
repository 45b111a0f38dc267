import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../harness/clock.ts';
import { SquallError } from '../../harness/errors.ts';
import { failureText } from '../../harness/failure-text.ts';
import { listModels } from '../../harness/host/models.ts';
import { thisMachine } from '../../harness/host/network.ts';
import { probe } from '../../harness/host/probe.ts';
import { failureOf, sendSingle, smallTask } from '../../load/inspect/single.ts';
import { openTargets } from '../../load/stream/wire/targets.ts';
import { hostileServer, RESPONSES } from './hostile-responses.ts';
import { rig } from './rig.ts';

const LIMIT_MS = 500;
/** At once, as a load has requests in flight. */
const AT_ONCE = 25;
/** Beyond what the responses themselves take, which are made in this process, too. */
const MAX_GROWTH = 400 * 2 ** 20;

let server: Awaited<ReturnType<typeof hostileServer>>;
beforeAll(async () => {
  server = await hostileServer();
});
afterAll(() => server[Symbol.asyncDispose]());

/** Calls `work` with every index, some at once. */
async function each<Result>(work: (index: number) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < RESPONSES.length; index = next++) results[index] = await work(index);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const CONTROLS = /[\x00-\x1f\x7f-\x9f\u202e]/;

it(`makes a record of each of ${RESPONSES.length} hostile responses, soon and in little memory`, {
  timeout: 60_000,
}, async () => {
  expect(RESPONSES.length).toBeGreaterThanOrEqual(200);
  using prepared = rig({ targets: [server.url] });
  const target = openTargets(prepared.job, thisMachine)[0]!;
  const task = smallTask(prepared.job, 2, 'hostile');
  const before = process.memoryUsage().rss;
  let largest = before;
  const sampler = setInterval(() => {
    largest = Math.max(largest, process.memoryUsage().rss);
  }, 20);
  const found: string[] = [];
  const outcomes = await each(async index => {
    const { name } = RESPONSES[index]!;
    const sentMs = performance.now();
    const request = sendSingle({ ...task, path: `/${index}/chat` }, target, { clock: systemClock, limitMs: LIMIT_MS });
    const result = await request.done;
    // A busy machine adds its own; a request that nothing limits would take for ever.
    if (performance.now() - sentMs > 8 * LIMIT_MS) found.push(`${name}: ${Math.round(performance.now() - sentMs)} ms`);
    for (const { example } of result.notes) if (CONTROLS.test(example)) found.push(`${name}: controls in a note`);
    if (CONTROLS.test(failureOf(result, failureText))) found.push(`${name}: controls in words`);
    return result.record.outcome;
  });
  clearInterval(sampler);
  expect(found).toEqual([]);
  expect((largest - before) / 2 ** 20).toBeLessThan(MAX_GROWTH / 2 ** 20);
  const named = Object.fromEntries(RESPONSES.map(({ name }, index) => [name, outcomes[index]]));
  // What is sound is read as such, so that the others fail for what is wrong with them.
  for (const framing of ['of its length', 'in chunks', 'until the end', 'in gzip'])
    expect(named[`sound, ${framing}`], framing).toBe('ok');
  expect(named['sound, as a failure']).toBe('http-status');
  expect(named['sound, of too small a length']).not.toBe('ok');
  expect(named.silence).toBe('idle-timeout');
  expect(named['early hints without end']).toBe('idle-timeout');
  expect(named['a bomb in gzip']).toMatch(/malformed|idle-timeout/);
  expect(new Set(outcomes).size).toBeGreaterThanOrEqual(6);
});

/** A promise that never settles is found, not waited for. */
function within<Result>(promise: Promise<Result>): Promise<Result | 'never'> {
  return Promise.race([promise, new Promise<'never'>(resolve => setTimeout(resolve, 8 * LIMIT_MS, 'never'))]);
}

it('asks for models, and probes, and gets an answer or an error in time', { timeout: 60_000 }, async () => {
  const { port } = new URL(server.url);
  const query = { url: server.url, address: '127.0.0.1', port: Number(port), tls: null, headers: {} };
  const found: string[] = [];
  await each(async index => {
    const { name } = RESPONSES[index]!;
    const sentMs = performance.now();
    const models = await within(
      listModels({ ...query, path: `/${index}/models` }, thisMachine, AbortSignal.timeout(LIMIT_MS)).catch(
        error => error,
      ),
    );
    const isTold = Array.isArray(models) || models instanceof SquallError || models?.name === 'TimeoutError';
    if (!isTold) found.push(`${name}: ${models}`);
    const probed = await within(
      probe(`${server.url}/${index}/probe`, { ...thisMachine, signal: AbortSignal.timeout(LIMIT_MS) }).catch(() => {}),
    );
    if (probed === 'never') found.push(`${name}: a probe without end`);
    if (performance.now() - sentMs > 8 * LIMIT_MS) found.push(`${name}: ${Math.round(performance.now() - sentMs)} ms`);
  });
  expect(found).toEqual([]);
});
