import { describe, expect, test } from 'vitest';
import type { TimedEvent } from '../../../harness/history.ts';
import type { RequestRecord } from '../../../harness/requests.ts';
import { REQUEST_ID_ATTRIBUTE, type SpanRecord } from '../../../harness/tracing/span.ts';
import { notableRequests } from '../../../reports/judge/figures/notable-requests.ts';
import { traceFinder } from '../../../reports/judge/figures/traces.ts';
import { html } from '../../../reports/render/html/html.ts';
import { traceLink, tracesOf } from '../../../reports/render/html/requests/traces.ts';
import { requestOf } from '../runs.ts';

/** A request that completed within 500 ms, 100 ms after which it had its first token. */
const recordOf = (scheduledMs: number, { index, ...changes }: Partial<RequestRecord> & { readonly index: number }) => ({
  ...requestOf(index, scheduledMs),
  ...changes,
});

const AT = '2026-01-02T03:04:05.000Z';
const START: readonly TimedEvent[] = [{ atMs: -500, type: 'start', inMs: 500, at: AT }];

/** Span that begins `atMs` after the start of the load. */
function spanOf(
  spanId: string,
  parentSpanId: string,
  name: string,
  atMs: number,
  durationMs: number,
  more = {},
): SpanRecord {
  return {
    ...{ by: 'gateway-1', traceId: 't', spanId, name, kind: 'internal', attributes: {} },
    ...(parentSpanId !== '' && { parentSpanId }),
    ...{ startMs: Date.parse(AT) + atMs, durationMs },
    ...more,
  };
}

const server = (spanId: string, id: string, atMs: number, durationMs: number, more = {}) =>
  spanOf(spanId, '', 'POST', atMs, durationMs, {
    kind: 'server',
    attributes: { [REQUEST_ID_ATTRIBUTE]: [id] },
    ...more,
  });

const find = (spans: readonly SpanRecord[], records: Parameters<typeof notableRequests>[0]) =>
  notableRequests(records, () => 'run', traceFinder(spans, START));

/** Rows as text: indentation, who and what, start and duration. */
const outline = ({ trace }: ReturnType<typeof find>['failed'][number]) =>
  trace?.rows.map(
    ({ depth, by, name, startMs, durationMs, error }) =>
      `${'  '.repeat(depth)}${by}: ${name} ${startMs}+${durationMs}${error === undefined ? '' : ` ${error}`}`,
  );

describe('the trace of a request', () => {
  test('has each attempt of its client above what the gateway did for it, in ms from the scheduled arrival', () => {
    const record = recordOf(10_000, {
      ...{ index: 7, outcome: 'truncated', sentMs: 10_001, endMs: 10_900, firstTokenMs: 10_600, attempts: 2 },
      ...{ attemptsMs: [10_001, 10_201, 10_501, 10_900], attemptOutcomes: 'http-503 truncated' },
    });
    const spans = [
      spanOf('c', 'b', 'chat', 10_510, 380, { kind: 'client', error: 'reset' }),
      spanOf('q', 'b', 'queue', 10_503, 7),
      server('b', 'squall-run-7.2', 10_502, 398, { error: 'reset' }),
      server('a', 'squall-run-7', 10_002, 198, { error: '503' }),
      server('x', 'squall-run-8', 10_002, 198),
    ];
    const [request] = find(spans, [record]).failed;
    expect(outline(request!)).toEqual([
      'client: attempt 1 1+200 http-503',
      '  gateway-1: POST 2+198 503',
      'client: attempt 2 501+399 truncated',
      '  gateway-1: POST 502+398 reset',
      '    gateway-1: queue 503+7',
      '    gateway-1: chat 510+380 reset',
    ]);
    expect(request!.trace!.rows.map(({ marksMs }) => marksMs)).toEqual([[], [], [600], [], [], []]);
  });

  test('goes on in the call of another request that it waits for', () => {
    const record = recordOf(1000, { index: 1, sentMs: 1000, endMs: 1500 });
    const links = [{ traceId: 'other', spanId: 's' }];
    const spans = [
      server('m', 'squall-run-1', 1001, 499),
      spanOf('w', 'm', 'merged', 1001, 499, { links }),
      spanOf('s', 'elsewhere', 'shared call', 500, 1000),
      spanOf('u', 's', 'chat', 501, 999, { kind: 'client' }),
    ];
    expect(outline(find(spans, [record]).slowest[0]!)).toEqual([
      'client: request 0+500',
      '  gateway-1: POST 1+499',
      '    gateway-1: merged 1+499',
      '      gateway-1: shared call -500+1000',
      '        gateway-1: chat -499+999',
    ]);
  });

  test('is absent without spans of it, without ids, and without the start by the wall clock', () => {
    const record = recordOf(1000, { index: 1, sentMs: 1000, endMs: 1500 });
    const spans = [server('m', 'squall-run-1', 1001, 499)];
    expect(find(spans, [record]).slowest[0]!.trace).toBeDefined();
    expect(find([server('m', 'squall-run-2', 1001, 499)], [record]).slowest[0]!.trace).toBeUndefined();
    expect(notableRequests([record], null, traceFinder(spans, START)).slowest[0]!.trace).toBeUndefined();
    expect(notableRequests([record], () => 'run', traceFinder(spans, [])).slowest[0]!.trace).toBeUndefined();
  });

  test('is bounded, also where spans name each other as parents', () => {
    const record = recordOf(1000, { index: 1, sentMs: 1000, endMs: 1500 });
    const many = Array.from({ length: 100 }, (_, nth) => spanOf(`s${nth}`, 'm', 'part', 1001 + nth, 1));
    const { trace } = find([server('m', 'squall-run-1', 1001, 499), ...many], [record]).slowest[0]!;
    expect([trace!.rows.length, trace!.more]).toEqual([40, 62]);
    const circle = [server('m', 'squall-run-1', 1001, 499, { parentSpanId: 'n' }), spanOf('n', 'm', 'part', 1002, 1)];
    expect(find(circle, [record]).slowest[0]!.trace!.rows.length).toBeLessThan(15);
    // All together, whatever the number of requests that are listed.
    const records = Array.from({ length: 40 }, (_, index) =>
      recordOf(1000 + index, { index, outcome: 'reset', sentMs: 1000, endMs: 1500 }),
    );
    const spans = records.flatMap(({ index }) => [
      server(`m${index}`, `squall-run-${index}`, 1001, 499),
      ...Array.from({ length: 50 }, (_, nth) => spanOf(`s${index} ${nth}`, `m${index}`, 'part', 1001, 1)),
    ]);
    const rows = find(spans, records).failed.flatMap(request => request.trace?.rows ?? []);
    expect(rows).toHaveLength(600);
  });
});

test('each listed request with a trace leads to it, once, and text of spans is escaped', () => {
  const record = recordOf(1000, { index: 12, sentMs: 1000, endMs: 1500 });
  const spans = [server('m', 'squall-run-12', 1001, 499), spanOf('w', 'm', '<script>', 1001, 499, { error: 'a & b' })];
  const { slowest, slowestFirst } = find(spans, [record]);
  const { markup } = html`${traceLink(slowest[0]!)}${tracesOf([...slowest, ...slowestFirst])}`;
  expect(markup).toContain('<a href="#trace-12">12</a>');
  expect(markup.match(/id="trace-12"/g)).toHaveLength(1);
  expect(markup).toContain('&lt;script&gt; <small>a &amp; b</small>');
  expect(markup).not.toContain('style=');
  expect(tracesOf(find([], [record]).slowest)).toBeNull();
  expect(traceLink(find([], [record]).slowest[0]!).markup).toBe('12');
});
