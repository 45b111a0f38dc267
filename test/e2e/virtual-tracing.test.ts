import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunResult, runScenario, type Scenario } from '../../cli/api.ts';
import { isFailure, latencyMs, type RequestRecord, requestIdOf } from '../../harness/requests.ts';
import { REQUEST_ID_ATTRIBUTE, type SpanRecord } from '../../harness/tracing/span.ts';
import { readRequests } from '../../reports/store/requests-file.ts';
import { readSpans, SPANS_FILE } from '../../reports/store/spans-file.ts';
import { temporaryFolder } from './squall.ts';

const out = temporaryFolder();
afterAll(() => out[Symbol.dispose]());

/** Two gateways that trace everything, and a replica that dies. */
const TRACED: Scenario = {
  name: 'traced',
  why: 'To see each request in its spans.',
  stack: {
    gateway: { replicas: 2, tracing: {}, retries: { baseDelay: '50ms' } },
    inference: { replicas: 2 },
    timeScale: 120,
  },
  load: {
    warmUp: '1s',
    stages: [{ at: '40/s', for: '8s' }],
    workload: { name: 'tiny', promptTokens: [16, 32], outputTokens: [8, 32] },
  },
  faults: [{ id: 'kill', kind: 'kill', on: 'inference-2', at: '3s' }],
  slos: [{ name: 'errors stay rare', objective: 'errors <= 20%' }],
};

interface Traced {
  readonly run: RunResult;
  readonly records: readonly RequestRecord[];
  readonly spans: readonly SpanRecord[];
}

async function traced(scenario: Scenario): Promise<Traced> {
  const run = await runScenario(scenario, { platform: 'virtual', out: out.path });
  return { run, records: [...(await readRequests(run.directory))], spans: readSpans(run.directory) };
}

describe('a run whose requests are traced', () => {
  let first: Traced;
  beforeAll(async () => {
    first = await traced(TRACED);
  }, 120_000);

  it('has one span of a gateway for each request, within the time that its client saw', () => {
    const { run, records, spans } = first;
    const servers = new Map(
      spans
        .filter(({ kind }) => kind === 'server')
        .map(span => [(span.attributes[REQUEST_ID_ATTRIBUTE] as string[])[0]!, span]),
    );
    expect(servers.size).toBe(spans.filter(({ kind }) => kind === 'server').length);
    const ok = records.filter(({ outcome }) => outcome === 'ok');
    expect(ok.length).toBeGreaterThan(300);
    const gateways = new Set<string>();
    for (const record of ok) {
      const span = servers.get(requestIdOf(record, run.id))!;
      gateways.add(span.by);
      const tookMs = record.endMs - record.sentMs!;
      // The client's time has a hop more in each direction, of 0.4 ms in virtual time, and its connection.
      expect(span.durationMs).toBeLessThan(tookMs);
      expect(span.durationMs).toBeGreaterThan(tookMs - 8);
      expect(span.attributes['http.response.status_code']).toBe(record.status);
      const attempts = spans.filter(({ parentSpanId, kind }) => parentSpanId === span.spanId && kind === 'client');
      expect(attempts.at(-1)!.attributes['server.address']).toBe(record.upstream);
      expect(attempts).toHaveLength(span.attributes['squall.attempts'] as number);
    }
    expect([...gateways].sort()).toEqual(['gateway-1', 'gateway-2']);
  });

  it('shows retries and cut responses, each span within its parent', () => {
    const { records, spans } = first;
    const byId = new Map(spans.map(span => [span.spanId, span]));
    expect(byId.size).toBe(spans.length);
    for (const span of spans) {
      const parent = span.parentSpanId && byId.get(span.parentSpanId);
      if (span.kind === 'server') expect(parent).toBeUndefined();
      if (!parent) continue;
      expect(span.startMs).toBeGreaterThanOrEqual(parent.startMs);
      // Each is rounded to a microsecond.
      expect(span.startMs + span.durationMs).toBeLessThanOrEqual(parent.startMs + parent.durationMs + 0.003);
    }
    const retried = spans.filter(({ attributes }) => attributes['http.request.resend_count'] === 1);
    expect(retried.length).toBeGreaterThan(0);
    expect(spans.filter(({ name }) => name === 'backoff').length).toBeGreaterThanOrEqual(retried.length);
    const cut = records.filter(({ outcome }) => outcome === 'truncated');
    expect(cut.length).toBeGreaterThan(0);
    expect(spans.filter(({ attributes }) => attributes['squall.outcome'] === 'truncated')).toHaveLength(cut.length);
  });

  it('has a report whose failed and slowest requests open to their traces', () => {
    const { run, records } = first;
    const report = readFileSync(join(run.directory, 'report.html'), 'utf8');
    const failed = records.filter(record => record.scheduledMs >= 0 && isFailure(record));
    const linked = new Set([...report.matchAll(/<a href="#trace-(\d+)">/g)].map(match => Number(match[1])));
    expect(failed.length).toBeGreaterThan(0);
    expect(failed.filter(({ index }) => !linked.has(index))).toEqual([]);
    for (const index of linked) expect(report).toContain(`<table id="trace-${index}"`);
    // Ten slowest of either kind at least, of which some are the same.
    expect(linked.size).toBeGreaterThanOrEqual(failed.length + 10);
  });

  it('leaves the same spans for the same seed', async () => {
    const again = await traced(TRACED);
    const bytes = ({ run }: Traced) => readFileSync(join(run.directory, SPANS_FILE), 'utf8');
    expect(bytes(again)).toBe(bytes(first));
  });

  it('has no slower or failed request while the collector is dead or hangs, of which gateways take note', async () => {
    const scenario: Scenario = { ...TRACED, faults: [] };
    const when = { on: 'collector', at: '500ms', for: '6s' } as const;
    const quantilesOf = ({ records }: Traced) => {
      const sorted = records.map(latencyMs).sort((a, b) => a! - b!);
      return [0.5, 0.99].map(q => sorted[Math.floor(q * sorted.length)]!);
    };
    const whole = await traced(scenario);
    const expected = quantilesOf(whole);
    for (const kind of ['kill', 'pause'] as const) {
      const without = await traced({ ...scenario, faults: [{ id: 'gone', kind, ...when }] });
      expect(without.records.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
      // Other draws of the network's jitter, since other connections are opened.
      for (const [index, quantile] of quantilesOf(without).entries())
        expect(Math.abs(quantile / expected[index]! - 1)).toBeLessThan(0.05);
      const log = readFileSync(join(without.run.directory, 'gateway-1.log'), 'utf8');
      expect(log).toContain('"msg":"spans cannot be delivered"');
      expect(log).toContain('"msg":"spans are delivered again"');
    }
  });
});
