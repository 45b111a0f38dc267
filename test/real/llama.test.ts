import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RequestRecord } from '../../harness/requests.ts';
import { readRequests } from '../../reports/store/requests-file.ts';
import type { RunDocument } from '../../reports/store/run-document.ts';
import { onlyRun, squall, temporaryFolder } from '../e2e/squall.ts';
import { quantile } from '../load/rig.ts';
import type { Measured } from './fixtures/official-client.ts';
import { metricOf, notInstalled, type RealServer, startLlamaServer } from './servers.ts';

const SLOTS = 8;
const OUTPUT_TOKENS = 16;
const LOAD_MS = 6000;
/** From a command to its load, in ms. */
const LEAD_MS = 12_000;

interface Seen {
  readonly document: RunDocument;
  readonly records: readonly RequestRecord[];
  readonly client: readonly Measured[];
  /** What the server counted meanwhile. */
  readonly counted: { readonly promptTokens: number; readonly outputTokens: number };
}

const chat = (server: RealServer, index: number) =>
  fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    body: JSON.stringify({ messages: [{ role: 'user', content: `${index}` }], max_tokens: OUTPUT_TOKENS }),
  }).then(response => response.json());

/** Requests a second that the server can answer, with all its slots in use. */
async function capacityOf(server: RealServer): Promise<number> {
  const startMs = performance.now();
  await Promise.all(Array.from({ length: 2 * SLOTS }, (_, index) => chat(server, index)));
  return (2 * SLOTS) / ((performance.now() - startMs) / 1000);
}

async function counters(server: RealServer): Promise<Seen['counted']> {
  const [fresh, cached, outputTokens] = await Promise.all(
    ['prompt_tokens_total', 'prompt_tokens_cached_total', 'tokens_predicted_total'].map(name =>
      metricOf(server, `llamacpp:${name}`),
    ),
  );
  return { promptTokens: fresh! + cached!, outputTokens: outputTokens! };
}

/**
 * Squall and the client each send what the server can do, at the same time. So both wait in the same queue, which
 * grows for as long as they send, and whose length decides what each measures: no neighbour on this machine can change one alone.
 */
async function seeBoth(server: RealServer, folder: string): Promise<Seen> {
  const perSecond = Math.max(16, Math.round(await capacityOf(server)));
  const scenario = join(folder, 'real.yaml');
  writeFileSync(
    scenario,
    `name: real
why: A server that nobody here wrote.
load:
  arrivals: constant
  warmUp: 3s
  idleTimeout: 90s
  model: random
  stages: [{ at: ${perSecond}/s, for: ${LOAD_MS}ms }]
  workload: { promptTokens: 24, outputTokens: ${OUTPUT_TOKENS} }
slos:
  - { name: errors, objective: errors <= 10% }
`,
  );
  const before = await counters(server);
  const startAt = Date.now() + LEAD_MS;
  const options = {
    baseURL: `${server.url}/v1`,
    startAt,
    requests: (perSecond * LOAD_MS) / 1000,
    everyMs: 1000 / perSecond,
    promptWords: 20,
    maxTokens: OUTPUT_TOKENS,
  };
  const [run, { stdout }] = await Promise.all([
    squall([
      'run',
      scenario,
      '--target',
      server.url,
      '--out',
      join(folder, 'runs'),
      '--start-at',
      new Date(startAt).toISOString(),
    ]),
    promisify(execFile)(process.execPath, [
      join(import.meta.dirname, 'fixtures/official-client.ts'),
      JSON.stringify(options),
    ]),
  ]);
  expect(run.code, run.stdout + run.stderr).toBe(0);
  const { directory, document } = onlyRun(join(folder, 'runs'));
  const after = await counters(server);
  return {
    document: document(),
    records: [...(await readRequests(directory))],
    client: JSON.parse(stdout),
    counted: {
      promptTokens: after.promptTokens - before.promptTokens,
      outputTokens: after.outputTokens - before.outputTokens,
    },
  };
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** From a request's first token to its last, by token after the first. */
function perTokenMs({ firstTokenMs, lastTokenMs, outputTokens }: RequestRecord): number {
  return (lastTokenMs! - firstTokenMs!) / (outputTokens - 1);
}

describe.skipIf(notInstalled)(`a real llama.cpp server ${notInstalled || ''}`, () => {
  const folder = temporaryFolder();
  let server: RealServer;
  let seen: Seen;
  beforeAll(async () => {
    server = await startLlamaServer(SLOTS);
    seen = await seeBoth(server, folder.path);
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  /** Asserts that Squall's figure is within 2 % of the other, or another ratio. */
  const agree = (what: string, ours: number, theirs: number, ratio = 0.02) => {
    console.log(
      `${what}: ${ours.toFixed(1)}, by the other ${theirs.toFixed(1)} (${((ours / theirs - 1) * 100).toFixed(2)} %)`,
    );
    expect(Math.abs(ours / theirs - 1), what).toBeLessThan(ratio);
  };
  const whole = () => seen.document.windows.find(({ name }) => name === 'whole')!;
  const loaded = () => seen.records.filter(({ scheduledMs }) => scheduledMs >= 0);

  it('has the time to first token that its official client measures', () => {
    const ours = loaded().map(({ firstTokenMs, scheduledMs }) => firstTokenMs! - scheduledMs);
    const theirs = seen.client.map(({ ttftMs }) => ttftMs);
    agree('TTFT, mean in ms', sum(ours) / ours.length, sum(theirs) / theirs.length);
    agree('TTFT P95 in ms', whole().ttftMs.p95!, quantile(theirs, 0.95));
  });

  it('has the gaps between tokens, and the time per output token, that its official client measures', () => {
    const gaps = seen.client.flatMap(({ gapsMs }) => gapsMs);
    // The tail of two samples of 2,000 gaps each, of different requests.
    agree('ITL P95 in ms', whole().itlMs.p95!, quantile(gaps, 0.95), 0.05);
    const perToken = loaded().map(perTokenMs);
    agree('TPOT, mean in ms', sum(perToken) / perToken.length, sum(gaps) / gaps.length);
  });

  it('has produced as many tokens as both counted', () => {
    const ours = sum(seen.records.map(({ outputTokens }) => outputTokens));
    const theirs = sum(seen.client.map(({ outputTokens }) => outputTokens));
    agree('output tokens, ours and the client’s', ours + theirs, seen.counted.outputTokens);
    agree('output tokens of a request', ours / seen.records.length, OUTPUT_TOKENS);
  });

  it('has read as many tokens as both sent it, by its own usage', () => {
    const ours = sum(seen.records.map(({ usedPromptTokens }) => usedPromptTokens!));
    const theirs = sum(seen.client.map(({ promptTokens }) => promptTokens));
    agree('prompt tokens, ours and the client’s', ours + theirs, seen.counted.promptTokens);
  });
});
