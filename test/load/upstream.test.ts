import { expect, test } from 'vitest';
import { upstreamOf } from '../../load/request/upstream.ts';

const among = (headers: Readonly<Record<string, string>>) => (name: string) => headers[name];

test.each([
  ['Squall', { 'x-squall-upstream': 'inference-2', 'x-served-by': 'edge' }, 'inference-2'],
  [
    'LiteLLM',
    { 'x-litellm-model-id': '9f8e7d', 'x-litellm-model-api-base': 'http://10.0.0.5:8000/v1/' },
    'http://10.0.0.5:8000/v1/',
  ],
  ['LiteLLM without a base URL', { 'x-litellm-model-id': '9f8e7d', 'x-litellm-model-api-base': '' }, '9f8e7d'],
  ['llm-d', { 'x-inference-pod': 'vllm-0' }, 'vllm-0'],
  ['AIBrix', { 'target-pod': '10.1.0.7:8000' }, '10.1.0.7:8000'],
  ['nginx', { 'x-upstream-addr': '10.0.0.1:80, 10.0.0.2:80' }, '10.0.0.2:80'],
  ['nginx over two groups', { 'x-upstream': '10.0.0.1:80 : 10.0.1.2:80' }, '10.0.1.2:80'],
  ['HAProxy', { 'x-backend-server': 'b2' }, 'b2'],
  ['Fastly', { 'x-served-by': 'cache-fra-1, cache-iad-2' }, 'cache-iad-2'],
  ['Envoy, which names none', { 'x-envoy-upstream-service-time': '12', server: 'envoy' }, ''],
])('reads the upstream from the headers of %s', (_, headers, upstream) => {
  expect(upstreamOf(among(headers))).toBe(upstream);
});

test('reads only the header that the scenario names', () => {
  const headers = among({ 'x-node': ' n7 ', 'x-served-by': 'edge' });
  expect(upstreamOf(headers, 'x-node')).toBe('n7');
  expect(upstreamOf(headers, 'x-other')).toBe('');
  expect(upstreamOf(among({ 'x-node': 'n'.repeat(5000) }), 'x-node')).toHaveLength(200);
});
