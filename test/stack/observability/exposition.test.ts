import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { parseExposition } from '../../../stack/observability/exposition.ts';
import { readingsOf } from '../../../stack/observability/series.ts';

const all = () => true;

test.each([
  ['up 1', 1],
  ['up{} 1', 1],
  ['up{a="b"} 2.5e3 1700000000000', 2500],
  ['up{a="}",b="\\"} 9",c="\\\\"} 3', 3],
  ['up{a="1",} 4\r', 4],
  ['up\t-5', -5],
  ['up_total{a="b"} 6 # {trace_id="x"} 0.1', 6],
])('%s is parsed', (line, value) => {
  expect(parseExposition(`# HELP up text 99\n# TYPE up gauge\n\n${line}\n`, all).map(s => s.value)).toEqual([value]);
});

test.each(['up NaN', 'up +Inf', 'up', 'up{', 'up{a="b} 1', '{a="b"} 1', '# up 1', ' up 1'])(
  '%j yields no sample and no error',
  line => expect(parseExposition(line, all)).toEqual([]),
);

// Round trip through prom-client's output, including hostile labels.
test('parses the output of prom-client', async () => {
  const registry = new Registry();
  const registers = [registry];
  const gauge = new Gauge({ name: 'g', help: 'a\nb', labelNames: ['l'], registers });
  const labels = ['plain', 'a"b', 'a\\b', 'a\nb', '} 7', 'ä{', ','];
  for (const [index, l] of labels.entries()) gauge.set({ l }, index + 0.5);
  new Counter({ name: 'c_total', help: 'c', registers }).inc(1e21);
  new Histogram({ name: 'h', help: 'h', buckets: [1, 2], registers }).observe(1.5);
  const read = parseExposition(await registry.metrics(), all);
  expect(read.filter(({ name }) => name === 'g').map(({ value }) => value)).toEqual(labels.map((_, i) => i + 0.5));
  expect(read.find(({ name }) => name === 'c_total')?.value).toBe(1e21);
  expect(read.filter(({ name }) => name === 'h_bucket').map(({ value }) => value)).toEqual([0, 1, 1]);
});

test('parses only wanted names', () => {
  const text = 'a 1\nab 2\na_b 3\na{x="y"} 4\n';
  expect(parseExposition(text, name => name === 'a').map(({ value }) => value)).toEqual([1, 4]);
});

test('readings are sums or maxima over engines, GPUs and reasons, in the documented units', () => {
  const samples = [
    { name: 'vllm:num_requests_waiting', labels: '', value: 3 },
    { name: 'vllm:num_requests_waiting', labels: '', value: 4 },
    { name: 'vllm:kv_cache_usage_perc', labels: '', value: 0.25 },
    { name: 'vllm:kv_cache_usage_perc', labels: '', value: 0.123456 },
    { name: 'gateway_retries_total', labels: '', value: 0 },
    { name: 'process_resident_memory_bytes', labels: '', value: 100 * 2 ** 20 },
    { name: 'nodejs_heap_size_total_bytes', labels: '', value: 5 },
    { name: 'gateway_connections_closed_total', labels: 'reason="slow-reader"', value: 2 },
    { name: 'gateway_connections_closed_total', labels: 'reason="idle"', value: 9 },
    { name: 'toString', labels: '', value: 5 },
  ];
  expect(readingsOf(samples)).toEqual({ queue: 7, kvRatio: 0.25, retries: 0, forcedCloses: 2, memoryMiB: 100 });
});
