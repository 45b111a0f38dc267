import { findProgram } from '../../../harness/host/programs.ts';
import { startFixture } from '../../load/rig.ts';
import { ALL_PARTS, type PARTS } from '../../stack/gateway/fixtures/all-parts.ts';
import { startRedis } from '../../stack/gateway/limits/redis-server.ts';
import { closedLoop, openLoop, streamLoop } from './measure.ts';
import { haproxy, liteLlm, nginx, portkey, type RunningProxy, type StartProxy, startUpstream } from './proxies.ts';
import { startGateway } from './squall.ts';

/** What is measured, and for how long. */
export interface GatewayBench {
  /** Of each measurement, in s. */
  readonly seconds: number;
  /** Streams at once; 0: none. */
  readonly streams: number;
  /** Names of rows; empty for all. */
  readonly only: readonly string[];
}

const COMPLETION = JSON.stringify({
  ...{ id: 'chatcmpl-1', object: 'chat.completion', created: 1, model: 'my-model' },
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hello.' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 12, completion_tokens: 2, total_tokens: 14 },
});
const STREAM_TOKENS = 100;
/** More a second, on two cores, and the client would be what is measured. */
const MOST_PER_SECOND = 1000;

/** Head of the Markdown table whose rows {@link gatewayRows} yields. */
export const HEAD = [
  '| | requests/s | CPU ms a request | P50 / P99 ms at half of that, at most 1,000/s | added P50 / P99 ms | MiB | streams: tokens/s | CPU ms per 1,000 tokens | TTFT P50 / P99 ms | MiB |',
  '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
].join('\n');

/**
 * Measures the gateway by itself, with each part and with all, and other gateways beside it, each alone before the same upstreams, one after
 * the other: tiny JSON from one worker of nginx in a closed loop of 32 clients, then at half the rate that it reached, 1,000/s at most, beside the same
 * rate without it; then streams of 20 tokens a second.
 * @throws if `wrk` is not installed
 */
export async function* gatewayRows({ seconds, streams, only }: GatewayBench): AsyncGenerator<string> {
  const wrk = findProgram('wrk')?.command;
  if (!wrk) throw new Error('wrk is not installed (Debian: wrk)');
  await using upstream = await startUpstream(COMPLETION);
  await using redis = await startRedis();
  const redisUrl = redis.urlAt(redis.address);
  const squall =
    (name: string, parts: readonly (keyof typeof PARTS)[]): StartProxy =>
    url =>
      startGateway(name, url, parts, redisUrl);
  const direct: StartProxy = async url => ({
    ...{ name: 'none', url, pid: undefined, headers: {}, [Symbol.asyncDispose]: async () => {} },
  });
  const rows: Readonly<Record<string, StartProxy>> = {
    none: direct,
    nginx,
    haproxy,
    gateway: squall('gateway, as it is by default', []),
    ...Object.fromEntries(ALL_PARTS.map(part => [part, squall(`gateway with ${part}`, [part])])),
    hits: squall('gateway with cache, hits only', ['cache']),
    all: squall('gateway with all of these', ALL_PARTS),
    portkey,
    litellm: liteLlm,
  };
  for (const [name, start] of Object.entries(rows)) {
    if (only.length > 0 && !only.includes(name)) continue;
    const json = await withProxy(start, upstream.url, async proxy => {
      const closed = await closedLoop(wrk, proxy, seconds, name !== 'hits');
      const half = Math.min(closed.perSecond / 2, MOST_PER_SECOND);
      const [through, without] = [
        await openLoop(proxy, half, seconds),
        await openLoop((await direct(upstream.url)) as RunningProxy, half, seconds),
      ];
      const failed = closed.failed + through.failed + without.failed;
      return [
        `${proxy.name}${failed > 0 ? ` (${failed} failed)` : ''}`,
        closed.perSecond.toFixed(0),
        closed.cpuMsPerRequest.toFixed(3),
        `${through.p50Ms?.toFixed(2) ?? '–'} / ${through.p99Ms?.toFixed(2) ?? '–'}`,
        `${added(through.p50Ms, without.p50Ms)} / ${added(through.p99Ms, without.p99Ms)}`,
        closed.peakMiB.toFixed(0),
      ];
    });
    const streamed = streams > 0 && name !== 'hits' ? await streamedCells(start, streams, seconds) : ['', '', '', ''];
    yield typeof json === 'string' ? `| ${name}: ${json} |` : `| ${[...json, ...streamed].join(' | ')} |`;
  }
}

const added = (withMs: number | undefined, withoutMs: number | undefined) =>
  withMs === undefined || withoutMs === undefined ? '–' : (withMs - withoutMs).toFixed(2);

async function streamedCells(start: StartProxy, concurrent: number, seconds: number): Promise<string[]> {
  await using server = await startFixture('../../bench/fixtures/streams-tokens.ts', String(STREAM_TOKENS));
  const cells = await withProxy(start, server.said, async proxy => {
    const through = await streamLoop(proxy, concurrent, STREAM_TOKENS, seconds);
    return [
      `${through.tokensPerSecond.toFixed(0)}${through.failed > 0 ? ` (${through.failed} failed)` : ''}`,
      through.cpuMsPer1000Tokens.toFixed(1),
      `${through.ttftP50Ms?.toFixed(1) ?? '–'} / ${through.ttftP99Ms?.toFixed(1) ?? '–'}`,
      through.peakMiB.toFixed(0),
    ];
  });
  return typeof cells === 'string' ? ['', '', '', ''] : cells;
}

async function withProxy<T>(
  start: StartProxy,
  upstream: string,
  use: (proxy: RunningProxy) => Promise<T>,
): Promise<T | string> {
  const started = await start(upstream);
  if (typeof started === 'string') return started;
  await using proxy = started;
  return await use(proxy);
}
