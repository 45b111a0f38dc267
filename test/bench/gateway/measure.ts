import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { usageOf } from '../../../load/worker/usage.ts';
import { workloads } from '../../../scenarios/load/workloads.ts';
import { quantile, runLoad } from '../../load/rig.ts';
import { timed } from '../tools.ts';
import type { RunningProxy } from './proxies.ts';

const CHAT = {
  ...workloads['chat-short'],
  model: 'my-model',
  promptTokens: [8, 16] as const,
  outputTokens: [1, 1] as const,
};
const WARM_UP_SECONDS = 2;

/** Of 32 clients, each of which sends its next request when it has the response to the one before. */
export interface Closed {
  readonly perSecond: number;
  /** CPU time of the proxy's processes, in ms. */
  readonly cpuMsPerRequest: number;
  /** Most memory of its processes so far. */
  readonly peakMiB: number;
  /** Responses other than 2xx, and errors of connections. */
  readonly failed: number;
}

/** Times of requests at a rate, in ms. */
export interface Open {
  /** Undefined if all failed. */
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  readonly failed: number;
}

/**
 * Drives a proxy with `wrk`, one thread of it, and tiny JSON.
 * @param isUnique each request has a prompt of its own
 */
export async function closedLoop(
  wrk: string,
  proxy: RunningProxy,
  seconds: number,
  isUnique: boolean,
): Promise<Closed> {
  const script = join(tmpdir(), `squall-bench-${process.pid}.lua`);
  const headers = Object.entries({ 'content-type': 'application/json', ...proxy.headers });
  // A run of its own begins where the last one has not been.
  writeFileSync(
    script,
    `wrk.method = "POST"
${headers.map(([name, value]) => `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`).join('\n')}
local n, seed = 0, "${Date.now()}"
request = function()
  ${isUnique ? 'n = n + 1' : ''}
  return wrk.format(nil, nil, nil, '{"model":"my-model","temperature":0,"max_tokens":16,"messages":[{"role":"user","content":"' .. seed .. n .. '"}]}')
end
`,
  );
  const run = async (forSeconds: number) => {
    const args = ['-t1', '-c32', `-d${forSeconds}s`, '--timeout', '10s', '-s', script];
    const { out } = await timed(wrk, [...args, `${proxy.url}/v1/chat/completions`]);
    const [, requests = 'NaN', spent = 'NaN'] = /(\d+) requests in ([\d.]+)s/.exec(out) ?? [];
    const [, refused = '0'] = /Non-2xx or 3xx responses: (\d+)/.exec(out) ?? [];
    const broken = [...(/Socket errors:.*/.exec(out)?.[0] ?? '').matchAll(/\d+/g)];
    const failed = Number(refused) + broken.reduce((sum, [count]) => sum + Number(count), 0);
    return { requests: Number(requests), seconds: Number(spent), failed };
  };
  await run(WARM_UP_SECONDS);
  const before = usageOfAll(proxy.pid);
  const done = await run(seconds);
  const after = usageOfAll(proxy.pid);
  return {
    perSecond: done.requests / done.seconds,
    cpuMsPerRequest: (after.cpuMs - before.cpuMs) / done.requests,
    peakMiB: after.peakMiB,
    failed: done.failed,
  };
}

/** Sends requests at a rate, each with a prompt of its own. */
export async function openLoop(proxy: RunningProxy, perSecond: number, seconds: number): Promise<Open> {
  const { records } = await runLoad({
    targets: [proxy.url],
    perSecond,
    arrivals: 'poisson',
    warmUpMs: WARM_UP_SECONDS * 1000,
    forMs: seconds * 1000,
    workload: { ...CHAT, stream: false },
    body: { temperature: 0 },
    headers: proxy.headers,
  });
  const measured = records.filter(({ scheduledMs }) => scheduledMs >= 0);
  const ok = measured.filter(({ outcome }) => outcome === 'ok');
  const spent = ok.map(({ sentMs, endMs }) => endMs - sentMs!);
  return { p50Ms: quantileOf(spent, 0.5), p99Ms: quantileOf(spent, 0.99), failed: measured.length - ok.length };
}

/** How a proxy carried many streams of 20 tokens a second. */
export interface Streams {
  readonly tokensPerSecond: number;
  readonly cpuMsPer1000Tokens: number;
  readonly ttftP50Ms: number | undefined;
  readonly ttftP99Ms: number | undefined;
  readonly peakMiB: number;
  readonly failed: number;
}

/** @param concurrent streams at once, each of `tokens` tokens 50 ms apart; they begin over the time that one takes */
export async function streamLoop(
  proxy: RunningProxy,
  concurrent: number,
  tokens: number,
  seconds: number,
): Promise<Streams> {
  const lastsMs = tokens * 50;
  const forMs = lastsMs + seconds * 1000;
  const running = runLoad({
    targets: [proxy.url],
    perSecond: concurrent / (lastsMs / 1000),
    forMs,
    maxInFlight: 2 * concurrent,
    idleTimeoutMs: 15_000,
    connectTimeoutMs: 5000,
    workload: { ...CHAT, outputTokens: [tokens, tokens] },
    body: { temperature: 0 },
    headers: proxy.headers,
  });
  await sleep(lastsMs + 500);
  const before = usageOfAll(proxy.pid);
  const startMs = performance.now();
  await sleep(seconds * 1000 - 500);
  const after = usageOfAll(proxy.pid);
  const measuredS = (performance.now() - startMs) / 1000;
  const { records } = await running;
  const ok = records.filter(({ outcome }) => outcome === 'ok');
  const ttft = ok.map(({ sentMs, firstTokenMs }) => firstTokenMs! - sentMs!);
  // At full concurrency, what the server sends.
  const tokensPerSecond = (concurrent * 20 * ok.length) / records.length;
  return {
    tokensPerSecond,
    cpuMsPer1000Tokens: (after.cpuMs - before.cpuMs) / ((tokensPerSecond * measuredS) / 1000),
    ttftP50Ms: quantileOf(ttft, 0.5),
    ttftP99Ms: quantileOf(ttft, 0.99),
    peakMiB: after.peakMiB,
    failed: records.length - ok.length,
  };
}

const quantileOf = (values: readonly number[], q: number) => (values.length > 0 ? quantile(values, q) : undefined);

/** CPU time and memory of a process and of all that it has started; 0 without one. */
function usageOfAll(pid: number | undefined): { cpuMs: number; peakMiB: number } {
  if (pid === undefined) return { cpuMs: 0, peakMiB: 0 };
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc').filter(entry => /^\d+$/.test(entry))) {
    const parent = parentOf(name);
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const family = [pid];
  for (const each of family) family.push(...(children.get(each) ?? []));
  const usages = family.map(each => usageOf(each)).filter(usage => usage !== undefined);
  return {
    cpuMs: usages.reduce((sum, usage) => sum + usage.cpuMs, 0),
    peakMiB: usages.reduce((sum, usage) => sum + usage.peakRssBytes, 0) / 2 ** 20,
  };
}

function parentOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined; // it has ended
  }
}
