import { expect, test } from 'vitest';
import { sourceOf } from '../../../scenarios/load/source.ts';
import { loadScenario } from '../../../scenarios/load-scenario.ts';

const OPTIONS = { seed: 1, platform: 'process', replay: 'npx squall run node-loss' } as const;

test('a plan has the text of its scenario as it is run, overrides included', async () => {
  const changes = { 'faults.slow-link.latency': '900ms', 'stack.timeScale': 77 };
  const { compiled } = await loadScenario('node-loss', { ...OPTIONS, changes });
  expect(compiled.plan.source).toMatch(/^name: node-loss\n/);
  expect(compiled.plan.source).toContain('latency: 900ms');
  expect(compiled.plan.source).toContain('timeScale: 77');
});

test('no secret of a scenario is in its text, and every reference to the environment is', () => {
  const SECRETS = ['s3cret-1', 'pw-2', 'tok-3', 'sk-live-4444444', 'cook-5', 'pass-6', 'key-7', 'Bearer abc.8888'];
  const text = sourceOf({
    name: 'secrets',
    target: {
      metrics: 'http://ops:pw-2@127.0.0.1/metrics?token=tok-3&page=1',
      metricsAuthorization: 'Bearer abc.8888',
    },
    load: {
      headers: { 'x-api-key': 's3cret-1', cookie: 'cook-5', authorization: 'Bearer env:TOKEN', accept: 'text/html' },
      body: { note: 'call sk-live-4444444', max_completion_tokens: '$outputTokens' },
      workload: { kind: 'http', body: '{"password": "pass-6"}' },
      clients: {
        classes: [
          { name: 'a', key: 'key-7' },
          { name: 'b', key: 'env:KEY_B' },
        ],
      },
    },
  });
  for (const secret of SECRETS) expect(text).not.toContain(secret);
  for (const kept of ['Bearer env:TOKEN', 'env:KEY_B', 'text/html', '$outputTokens', 'page=1', '127.0.0.1/metrics'])
    expect(text).toContain(kept);
});

test('a long text is cut off, and says by how much', () => {
  const text = sourceOf({
    name: 'long',
    stages: Array.from({ length: 20_000 }, (_, i) => ({ name: `stage-${i}`, for: '1s' })),
  });
  expect(text.length).toBeLessThan(20_100);
  expect(text).toMatch(/\n# … \d{6} more characters\n$/);
});
