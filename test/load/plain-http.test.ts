import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HttpWorkload } from '../../harness/plan.ts';
import type { Outcome, RequestRecord } from '../../harness/requests.ts';
import { autocannonEngine } from '../../load/autocannon/engine.ts';
import { ENGINES } from './engines.ts';
import { type Fixture, outcomesOf, rig, runLoad, startFixture, startLoad } from './rig.ts';
import { type Asked, serve } from './server.ts';

const GET: HttpWorkload = {
  ...{ kind: 'http', name: 'plain', model: '', method: 'GET', path: '/', headers: {}, body: '' },
  expect: { status: [200, 404], bodyContains: 'hits the wall', maxBytes: 1000 },
};

/**
 * What each behaviour comes to, and its status. k6 shows an answer only when it is whole, and has one time limit for all of it: what
 * never ends it calls `idle-timeout`, and what breaks off leaves no status. autocannon is of no use after an answer that breaks off or
 * has no end but its connection's (`over`): the probe is then over. What it overlooks (`unseen`) has tests of its own: an answer that is
 * no HTTP, and a connection that the server closes as it said; of gaps between two bytes it knows nothing.
 */
const EXPECTED: Record<string, { outcome: Outcome; status: number; k6?: Outcome; autocannon?: 'over' | 'unseen' }> = {
  well: { outcome: 'ok', status: 200 },
  'right-404': { outcome: 'ok', status: 404 },
  'slow-body': { outcome: 'ok', status: 200 },
  'in-pieces': { outcome: 'ok', status: 200, k6: 'idle-timeout', autocannon: 'unseen' },
  'without-length': { outcome: 'ok', status: 200, autocannon: 'over' },
  'then-closes': { outcome: 'ok', status: 200, autocannon: 'unseen' },
  'other-text': { outcome: 'malformed', status: 200 },
  'too-long': { outcome: 'malformed', status: 200 },
  'wrong-201': { outcome: 'http-status', status: 201 },
  'wrong-503': { outcome: 'http-status', status: 503 },
  redirects: { outcome: 'http-status', status: 302 },
  'closes-before-answer': { outcome: 'reset', status: 0 },
  'resets-before-answer': { outcome: 'reset', status: 0 },
  'closes-mid-body': { outcome: 'truncated', status: 200, k6: 'truncated', autocannon: 'over' },
  'resets-mid-body': { outcome: 'reset', status: 200, k6: 'reset', autocannon: 'over' },
  'never-answers': { outcome: 'idle-timeout', status: 0 },
  'falls-silent': { outcome: 'idle-timeout', status: 200, k6: 'idle-timeout', autocannon: 'over' },
  'speaks-no-http': { outcome: 'malformed', status: 0, autocannon: 'unseen' },
  'endless-503': { outcome: 'http-status', status: 503, k6: 'idle-timeout', autocannon: 'over' },
  'endless-200': { outcome: 'malformed', status: 200, k6: 'idle-timeout', autocannon: 'over' },
};

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

describe.each(ENGINES)('plain HTTP by $name', ({ name, engine, skipped }) => {
  const isProbe = name === 'autocannon';
  // Between what a response takes from piece to piece, and the 1.8 s of all pieces; with room for a busy machine.
  const limitMs = isProbe ? 1000 : 1300;
  const told = Object.keys(EXPECTED).filter(behaviour => !isProbe || !EXPECTED[behaviour]!.autocannon);
  let server: Fixture;
  beforeAll(async () => {
    server = await startFixture('answers-plainly.ts', ...told);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  /** 40 arrivals in a second, or for 4 s four connections that wait for no schedule. */
  const run = (workload: HttpWorkload, more: object = {}) => {
    const loop = isProbe ? { perSecond: 0, forMs: 4000, connections: 4 } : { perSecond: 40, maxInFlight: 60 };
    return runLoad({ targets: [server.said], workload, idleTimeoutMs: limitMs, ...loop, ...more }, { engine });
  };

  // Every engine numbers its requests, and the server goes by their numbers: each behaviour is met at least once by each engine.
  it.skipIf(Boolean(skipped))(
    `comes to the same ends, timed the same way ${skipped || ''}`,
    {
      timeout: 40_000,
    },
    async () => {
      const { records } = await run(GET);
      const names = (await (await fetch(`${server.said}/behaviours`)).json()) as string[];
      const nameOf = ({ index }: RequestRecord) => names[index % names.length]!;
      for (const record of records) {
        const { outcome, status, k6 } = EXPECTED[nameOf(record)]!;
        const own = name === 'k6' && k6 ? { outcome: k6, status: 0 } : { outcome, status };
        expect({ is: nameOf(record), outcome: record.outcome, status: record.status }).toEqual({
          is: nameOf(record),
          ...own,
        });
      }
      expect(new Set(records.map(nameOf))).toEqual(new Set(names));
      // 200 ms to the head, 150 ms more to the end: floors that no noise can break. A busy machine may read both at once, but not always.
      const slow = records.filter(record => nameOf(record) === 'slow-body');
      for (const { scheduledMs, sentMs, firstTokenMs, endMs } of slow) {
        expect(firstTokenMs! - sentMs!).toBeGreaterThanOrEqual(199);
        expect(endMs - sentMs!).toBeGreaterThanOrEqual(349);
        expect(sentMs!).toBeGreaterThanOrEqual(scheduledMs);
      }
      expect(Math.max(...slow.map(({ firstTokenMs, endMs }) => endMs - firstTokenMs!))).toBeGreaterThan(100);
      for (const silent of records.filter(record => nameOf(record) === 'never-answers')) {
        expect(silent.endMs - silent.sentMs!).toBeGreaterThanOrEqual(limitMs - 1);
        expect(silent.firstTokenMs).toBeNull();
      }
      const well = records.find(record => nameOf(record) === 'well');
      expect(well).toMatchObject({
        upstream: 'fixture-1',
        promptTokens: 0,
        outputTokens: 0,
        gaps: [],
        stage: 'steady',
      });
    },
  );

  it.skipIf(Boolean(skipped))(`sends what the scenario says ${skipped || ''}`, { timeout: 30_000 }, async () => {
    const headers = { 'X-Thing': 'a b', 'User-Agent': 'mine', 'content-type': 'text/plain; charset=utf-8' };
    const put = { ...GET, method: 'PUT', path: '/well/things?x=1', headers, body: '{"wäve":"→"}' };
    const brief = isProbe ? { forMs: 300 } : { forMs: 300, perSecond: 20 };
    expect(Object.keys(outcomesOf((await run(put, brief)).records))).toEqual(['ok']);
    const empty = { ...put, method: 'POST', path: '/well/empty', body: '', headers: {} };
    expect(Object.keys(outcomesOf((await run(empty, brief)).records))).toEqual(['ok']);
    const seen = (await (await fetch(`${server.said}/seen`)).json()) as Seen[];
    const things = seen.filter(({ url }) => url === '/well/things?x=1');
    expect(things.length).toBeGreaterThanOrEqual(5);
    for (const thing of things) {
      expect(thing).toMatchObject({ method: 'PUT', body: '{"wäve":"→"}' });
      expect(thing.headers).toMatchObject({
        ...{ 'x-thing': 'a b', 'user-agent': 'mine', 'content-type': 'text/plain; charset=utf-8' },
        ...{ host: new URL(server.said).host, authorization: 'Bearer test', 'content-length': '15' },
        'x-request-id': expect.stringMatching(/^squall-load-test-\d+$/),
      });
      expect(thing.headers).not.toHaveProperty('accept-encoding');
    }
    const posted = seen.find(({ url }) => url === '/well/empty')!;
    expect(posted).toMatchObject({
      method: 'POST',
      body: '',
      headers: { 'content-length': '0', 'user-agent': 'squall' },
    });
  });

  it.skipIf(Boolean(skipped) || isProbe)(
    `waits for no body after HEAD ${skipped || ''}`,
    { timeout: 30_000 },
    async () => {
      const expectation = { status: [], bodyContains: null, maxBytes: 0 };
      const head = { ...GET, method: 'HEAD', path: '/well', expect: expectation };
      const { records } = await run(head, { forMs: 300 });
      expect(Object.keys(outcomesOf(records))).toEqual(['ok']);
      expect(records.length).toBeGreaterThanOrEqual(12);
    },
  );
});

describe('a probe by autocannon', () => {
  const over = Object.keys(EXPECTED).filter(behaviour => EXPECTED[behaviour]!.autocannon === 'over');

  it.concurrent.each(over)('is over at an answer that is like %s', { timeout: 30_000 }, async behaviour => {
    await using server = await startFixture('answers-plainly.ts', behaviour);
    const load = { targets: [server.said], workload: GET, idleTimeoutMs: 1000, perSecond: 0, forMs: 20_000 };
    await expect(runLoad({ ...load, connections: 2 }, { engine: autocannonEngine })).rejects.toMatchObject({
      code: 'PROBE_UNRELIABLE',
      next: expect.stringContaining('stream'),
    });
  });

  // autocannon sends on such a connection all the same. Whether it then confuses two sockets is chance; a request is never called failed.
  it.concurrent('calls no request failed that was sent on a connection about to close', {
    timeout: 30_000,
  }, async () => {
    await using server = await startFixture('answers-plainly.ts', 'well', 'then-closes');
    using prepared = rig({ targets: [server.said], workload: GET, perSecond: 0, forMs: 1000, connections: 4 });
    await using load = await startLoad(prepared.job, { engine: autocannonEngine });
    const code = await load.done.then(
      () => 'none',
      error => error.code,
    );
    expect(['none', 'PROBE_UNRELIABLE']).toContain(code);
    const { ok = 0, interrupted = 0, ...others } = outcomesOf(await prepared.records());
    expect(others).toEqual({});
    expect(ok).toBeGreaterThan(1);
    expect(interrupted).toBeLessThanOrEqual(4);
  });

  // 4 connections, of which each met one answer that is no HTTP: no request is called ok that was not.
  it.concurrent('counts an answer that is no HTTP, and what follows on its connection, as failed', {
    timeout: 30_000,
  }, async () => {
    await using server = await startFixture('answers-plainly.ts', 'well', 'speaks-no-http');
    const load = { targets: [server.said], workload: GET, idleTimeoutMs: 1000, perSecond: 0, forMs: 2500 };
    const { records } = await runLoad({ ...load, connections: 4 }, { engine: autocannonEngine });
    const failed = records.filter(({ outcome }) => outcome !== 'ok');
    expect(failed.length).toBeGreaterThanOrEqual(4);
    expect(failed.filter(({ outcome }) => outcome !== 'reset' && outcome !== 'idle-timeout')).toEqual([]);
    expect(records.filter(({ index, outcome }) => index % 2 === 1 && outcome === 'ok')).toEqual([]);
  });
});

const few = { perSecond: 40, forMs: 500 };

describe.concurrent('plain HTTP of the stream engine', () => {
  const workload: HttpWorkload = {
    kind: 'http',
    name: 'ask',
    model: '',
    method: 'POST',
    path: '/search?q=1',
    headers: { 'X-Tenant': 'blue', 'User-Agent': 'mine' },
    body: '{"deep":true}',
    expect: { status: [200], bodyContains: 'found', maxBytes: 100 },
  };
  const slowBody = (_: Asked, response: import('node:http').ServerResponse) => {
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.write('we have fo');
    setTimeout(() => response.end('und it'), 120);
  };

  it('sends what the scenario says, times the first byte and the end', async () => {
    await using server = await serve(slowBody);
    const { records } = await runLoad({ ...few, targets: [`${server.url}/api`], workload });
    expect(outcomesOf(records)).toEqual({ ok: 20 });
    expect(server.asked[0]).toMatchObject({ method: 'POST', path: '/api/search?q=1', body: '{"deep":true}' });
    expect(server.asked[0]!.headers).toMatchObject({
      'x-tenant': 'blue',
      'user-agent': 'mine',
      authorization: 'Bearer test',
    });
    for (const record of records) {
      expect(record).toMatchObject({ promptTokens: 0, outputTokens: 0, gaps: [], status: 200 });
      expect(record.endMs).toBeGreaterThanOrEqual(record.firstTokenMs!);
    }
    // 120 ms lie between the two; a client that gets no core may see both at once, but not every time.
    expect(Math.max(...records.map(({ endMs, firstTokenMs }) => endMs - firstTokenMs!))).toBeGreaterThan(80);
  });

  it.each<[string, string, number, Partial<HttpWorkload['expect']>]>([
    ['another status', 'http-status', 200, { status: [404] }],
    ['a text that is not there', 'malformed', 200, { bodyContains: 'lost' }],
    ['too long a body', 'malformed', 200, { maxBytes: 12 }],
  ])('fails on %s', async (_, outcome, status, expected) => {
    await using server = await serve(slowBody);
    const broken = { ...workload, expect: { ...workload.expect, ...expected } };
    const { records } = await runLoad({ ...few, targets: [server.url], workload: broken });
    expect(outcomesOf(records)).toEqual({ [outcome]: 20 });
    expect(records[0]!.status).toBe(status);
  });

  it('takes a 404 for right where it is expected', async () => {
    await using server = await serve((_, response) => void response.writeHead(404).end('not found'));
    const missing = { ...workload, method: 'GET', body: '', expect: { ...workload.expect, status: [404] } };
    const { records } = await runLoad({ ...few, targets: [server.url], workload: missing });
    expect(outcomesOf(records)).toEqual({ ok: 20 });
    expect(server.asked[0]).toMatchObject({ method: 'GET', body: '' });
  });
});
