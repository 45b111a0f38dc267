import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { parseExposition } from '../../../stack/observability/exposition.ts';
import { metricsText, queryOf } from '../../../stack/observability/metrics-text.ts';
import { KEPT_SERIES, OWN_SERIES } from '../../../stack/observability/series.ts';

function registries(): Registry[] {
  const [first, second] = [new Registry(), new Registry()];
  new Gauge({ name: 'vllm:waiting', help: 'h', registers: [first] }).set(3);
  new Counter({ name: 'sent_total', help: 'h', labelNames: ['code'], registers: [first] }).inc({ code: '200' }, 2);
  new Histogram({ name: 'took_seconds', help: 'h', buckets: [1, 2], registers: [second] }).observe(1.5);
  return [first, second];
}

const namesIn = (text: string) => [...new Set(parseExposition(text, () => true).map(({ name }) => name))].sort();

describe('the text of metrics', () => {
  it('has all of them without a query', async () => {
    const all = ['sent_total', 'took_seconds_bucket', 'took_seconds_count', 'took_seconds_sum', 'vllm:waiting'];
    expect(namesIn(await metricsText(registries()))).toEqual(all);
    expect(namesIn(await metricsText(registries(), '?other=1'))).toEqual(all);
  });

  it('has those that a query names, with all their labels', async () => {
    const text = await metricsText(registries(), queryOf(['vllm:waiting', 'sent_total', 'unknown']));
    expect(parseExposition(text, () => true)).toEqual([
      { name: 'vllm:waiting', labels: '', value: 3 },
      { name: 'sent_total', labels: 'code="200"', value: 2 },
    ]);
  });

  it.each(['?name[]=took_seconds', 'name%5B%5D=took_seconds_bucket', '?x=1&name[]=took_seconds_sum'])(
    'has a whole histogram for %s',
    async query => {
      expect(namesIn(await metricsText(registries(), query))).toEqual([
        'took_seconds_bucket',
        'took_seconds_count',
        'took_seconds_sum',
      ]);
    },
  );

  it.each(['?name[]=', '?name[]=none', '?name[]=__proto__'])('has none for %s', async query => {
    expect(namesIn(await metricsText(registries(), query))).toEqual([]);
  });
});

it('samples of a run ask for what services export, and for no names of others', () => {
  expect(OWN_SERIES).toContain('vllm:num_requests_waiting');
  expect(OWN_SERIES).toContain('gateway_requests_in_flight');
  expect(OWN_SERIES.filter(name => /gpu_prefix|sglang|llamacpp|tgi|litellm/.test(name))).toEqual([]);
  expect(Object.keys(KEPT_SERIES)).toEqual(expect.arrayContaining(OWN_SERIES));
});
