import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HttpWorkload } from '../../harness/plan.ts';
import type { Outcome, RequestRecord } from '../../harness/requests.ts';
import { ENGINES } from './engines.ts';
import { type Fixture, outcomesOf, runLoad, startFixture } from './rig.ts';

const GET: HttpWorkload = {
  ...{ kind: 'http', name: 'plain', model: '', method: 'GET', path: '/', headers: {}, body: '' },
  expect: { status: [200, 404], bodyContains: 'hits the wall', maxBytes: 1000 },
};

/**
 * What each behaviour comes to, and its status. k6 shows an answer only when it is whole, and has one time limit for all of it: what
 * never ends it calls `idle-timeout`, and what breaks off leaves no status.
 */
const EXPECTED: Record<string, { outcome: Outcome; status: number; k6?: Outcome }> = {
  well: { outcome: 'ok', status: 200 },
  'right-404': { outcome: 'ok', status: 404 },
  'slow-body': { outcome: 'ok', status: 200 },
  'in-pieces': { outcome: 'ok', status: 200, k6: 'idle-timeout' },
  'without-length': { outcome: 'ok', status: 200 },
  'then-closes': { outcome: 'ok', status: 200 },
  'other-text': { outcome: 'malformed', status: 200 },
  'too-long': { outcome: 'malformed', status: 200 },
  'wrong-201': { outcome: 'http-status', status: 201 },
  'wrong-503': { outcome: 'http-status', status: 503 },
  redirects: { outcome: 'http-status', status: 302 },
  'closes-before-answer': { outcome: 'reset', status: 0 },
  'resets-before-answer': { outcome: 'reset', status: 0 },
  'closes-mid-body': { outcome: 'truncated', status: 200, k6: 'truncated' },
  'resets-mid-body': { outcome: 'reset', status: 200, k6: 'reset' },
  'never-answers': { outcome: 'idle-timeout', status: 0 },
  'falls-silent': { outcome: 'idle-timeout', status: 200, k6: 'idle-timeout' },
  'speaks-no-http': { outcome: 'malformed', status: 0 },
  'endless-503': { outcome: 'http-status', status: 503, k6: 'idle-timeout' },
  'endless-200': { outcome: 'malformed', status: 200, k6: 'idle-timeout' },
};

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

describe.each(ENGINES)('plain HTTP by $name', ({ name, engine, skipped }) => {
  let server: Fixture;
  beforeAll(async () => {
    server = await startFixture('answers-plainly.ts');
  });
  afterAll(() => server[Symbol.asyncDispose]());

  /** 40 arrivals in a second, or for 4 s four connections that wait for no schedule. */
  const run = (workload: HttpWorkload, more: object = {}) => {
    const isProbe = name === 'autocannon';
    const loop = isProbe ? { perSecond: 0, forMs: 4000, connections: 4 } : { perSecond: 40, maxInFlight: 60 };
    return runLoad({ targets: [server.said], workload, idleTimeoutMs: 700, ...loop, ...more }, { engine });
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
      // 200 ms to the head, 150 ms more to the end: floors that no noise can break, and far less than both for the first.
      for (const slow of records.filter(record => nameOf(record) === 'slow-body')) {
        expect(slow.firstTokenMs! - slow.sentMs!).toBeGreaterThanOrEqual(199);
        expect(slow.endMs - slow.firstTokenMs!).toBeGreaterThan(100);
        expect(slow.endMs - slow.sentMs!).toBeGreaterThanOrEqual(349);
        expect(slow.sentMs!).toBeGreaterThanOrEqual(slow.scheduledMs);
      }
      for (const silent of records.filter(record => nameOf(record) === 'never-answers')) {
        expect(silent.endMs - silent.sentMs!).toBeGreaterThanOrEqual(699);
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
    const brief = name === 'autocannon' ? { forMs: 300 } : { forMs: 300, perSecond: 20 };
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
        'x-request-id': expect.stringMatching(/^squall-1-\d+$/),
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

  it.skipIf(Boolean(skipped))(`waits for no body after HEAD ${skipped || ''}`, { timeout: 30_000 }, async () => {
    const expectation = { status: [], bodyContains: null, maxBytes: 0 };
    const head = { ...GET, method: 'HEAD', path: '/well', expect: expectation };
    const { records } = await run(head, { forMs: 300 });
    expect(Object.keys(outcomesOf(records))).toEqual(['ok']);
    expect(records.length).toBeGreaterThanOrEqual(12);
  });
});
