import { describe, expect, it, test } from 'vitest';
import { stringify } from 'yaml';
import { prometheusOptionsSchema } from '../../../stack/observability/options.ts';
import { renderPrometheus } from '../../../stack/observability/prometheus.ts';
import { ruleTimes } from '../../../stack/observability/rules.ts';
import { noPrometheus, promtool, temporaryFolder, writeAll } from './tools.ts';

const options = prometheusOptionsSchema.parse({});
const TARGETS = [
  { name: 'gateway-1', service: 'gateway', address: '127.0.0.1:8080' },
  { name: 'gateway-2', service: 'gateway', address: '127.0.0.1:8081' },
  { name: 'inference-1', service: 'inference', address: '127.0.0.1:8000' },
  { name: 'edge-1', service: 'edge', address: '127.0.0.1:80', metricsPath: '/stats' },
];

test('durations are divided by the time scale, but windows keep four scrapes', () => {
  expect(ruleTimes(options, 1)).toEqual({ rateMs: 60_000, errorMs: 300_000, p99ForMs: 300_000, sustainedMs: 60_000 });
  expect(ruleTimes(options, 60)).toEqual({ rateMs: 4000, errorMs: 5000, p99ForMs: 5000, sustainedMs: 1000 });
});

test('every target is scraped with its own name', () => {
  const config = renderPrometheus(options, TARGETS)['prometheus.yml'];
  for (const { name, address } of TARGETS)
    expect(config).toMatch(new RegExp(`${address}\\s+labels:\\s+replica: ${name}`));
  expect(config.match(/job_name/g)).toHaveLength(3);
  expect(config).toContain('__metrics_path__: /stats');
});

test.each([{ scrapeEvryMs: 1 }, { scrapeEveryMs: 1 }, { alerts: { errorPercent: 101 } }, { alerts: { queue: 3 } }])(
  'rejects %j',
  input => expect(prometheusOptionsSchema.safeParse(input).success).toBe(false),
);

/** Ten minutes of series at one sample a second, in promtool's notation, and the expected firing alerts. */
interface Case {
  readonly series: Readonly<Record<string, string>>;
  /** Firing alerts, by time. */
  readonly firing: Readonly<Record<string, readonly string[]>>;
}

const bucket = (le: string, perSecond: number) => ({
  [`gateway_time_to_first_byte_seconds_bucket{job="gateway",replica="gateway-1",route="/v1/chat/completions",stream="true",le="${le}"}`]: `0+${perSecond}x600`,
});
const requests = (status: string, values: string) => ({
  [`gateway_requests_total{job="gateway",replica="gateway-1",route="/v1/chat/completions",status="${status}"}`]: values,
});
const waiting = (replica: string, values: string) => ({
  [`vllm:num_requests_waiting{job="inference",replica="${replica}",model_name="m"}`]: values,
});
const memory = (used: number) => ({
  'DCGM_FI_DEV_FB_USED{job="inference",replica="inference-1",gpu="0"}': `${used}x600`,
  'DCGM_FI_DEV_FB_FREE{job="inference",replica="inference-1",gpu="0"}': `${1000 - used}x600`,
});

// Each alert fires on its condition after its duration and not before; a counterpart just within the threshold never fires.
const CASES: Readonly<Record<string, Case>> = {
  // 10 of 100 requests a second take between 1 and 2.5 s: P99 = 1 + 1.5 × 0.9 = 2.35 s.
  'slow for five minutes': {
    series: { ...bucket('1', 90), ...bucket('2.5', 100), ...bucket('+Inf', 100) },
    firing: { '4m50s': [], '5m10s': ['HighP99Latency'] },
  },
  // Five in a thousand take that long: P99 < 1 s.
  'slow for a few': {
    series: { ...bucket('1', 995), ...bucket('2.5', 1000), ...bucket('+Inf', 1000) },
    firing: { '5m10s': [], '10m': [] },
  },
  'slow for four minutes': {
    series: {
      ...bucket('1', 90),
      [Object.keys(bucket('2.5', 0))[0]!]: '0+100x240 24000+90x360',
      [Object.keys(bucket('+Inf', 0))[0]!]: '0+100x240 24000+90x360',
    },
    firing: { '4m': [], '6m': [], '10m': [] },
  },
  'one response in ten an error': {
    series: { ...requests('200', '0+90x600'), ...requests('503', '0+10x600') },
    firing: { '10s': ['HighErrorRate'], '10m': ['HighErrorRate'] },
  },
  'one response in thirty an error': {
    series: { ...requests('200', '0+29x600'), ...requests('503', '0+1x600') },
    firing: { '10s': [], '10m': [] },
  },
  'no error at all': { series: requests('200', '0+90x600'), firing: { '10m': [] } },
  'errors of the clients': {
    series: { ...requests('200', '0+1x600'), ...requests('429', '0+99x600') },
    firing: { '10m': [] },
  },
  // 20 s of nothing but errors in five minutes are 6.7 %, 10 s are 3.3 %; the burst ends at 7 min.
  'a burst of errors of 20 s': {
    series: { ...requests('200', '0+10x400 4000+0x20 4000+10x180'), ...requests('503', '0x400 0+10x20 200x180') },
    firing: { '6m30s': [], '7m5s': ['HighErrorRate'] },
  },
  'a burst of errors of 10 s': {
    series: { ...requests('200', '0+10x400 4000+0x10 4000+10x190'), ...requests('503', '0x400 0+10x10 100x190') },
    firing: { '7m5s': [] },
  },
  'a GPU nearly full': { series: memory(901), firing: { '50s': [], '1m10s': ['GpuMemoryHigh'] } },
  'a GPU well filled': { series: memory(899), firing: { '10m': [] } },
  'eleven waiting on two replicas': {
    series: { ...waiting('inference-1', '5x600'), ...waiting('inference-2', '6x600') },
    firing: { '50s': [], '1m10s': ['QueueLong'] },
  },
  'ten waiting': { series: waiting('inference-1', '10x600'), firing: { '10m': [] } },
  'eleven waiting now and then': { series: waiting('inference-1', '11x40 0x1 11x40 0x1 11x40'), firing: { '2m': [] } },
  'hundreds waiting': {
    series: waiting('inference-1', '501x600'),
    firing: { '1m10s': ['QueueCritical', 'QueueLong'] },
  },
  'five hundred waiting': { series: waiting('inference-1', '500x600'), firing: { '10m': ['QueueLong'] } },
  'a target with failing scrapes': {
    series: {
      'up{job="inference",replica="inference-1"}': '1x10 0x590',
      'up{job="gateway",replica="gateway-1"}': '1x600',
    },
    firing: { '5s': [], '1m': [], '1m20s': ['TargetDown'] },
  },
};

describe.skipIf(Boolean(noPrometheus))(`rules under the real promtool ${noPrometheus || ''}`, () => {
  it('form a configuration that Prometheus accepts', async () => {
    using folder = temporaryFolder();
    for (const timeScale of [1, 12, 1000]) {
      writeAll(folder.path, renderPrometheus(options, TARGETS, timeScale));
      const { code, output } = await promtool('check', 'config', `${folder.path}/prometheus.yml`);
      expect(code, output).toBe(0);
      const rules = await promtool('check', 'rules', `${folder.path}/recording.yml`, `${folder.path}/alerts.yml`);
      expect(rules, rules.output).toMatchObject({ code: 0, output: expect.stringContaining('6 rules found') });
    }
  });

  it('would be rejected if one did not parse', async () => {
    using folder = temporaryFolder();
    const files = renderPrometheus(options, TARGETS);
    writeAll(folder.path, { ...files, 'alerts.yml': files['alerts.yml'].replace('> 1.5', '> > 1.5') });
    expect((await promtool('check', 'config', `${folder.path}/prometheus.yml`)).output).toContain('FAILED');
  });

  async function tested({ series, firing }: Case, timeScale = 1) {
    using folder = temporaryFolder();
    writeAll(folder.path, renderPrometheus(options, TARGETS, timeScale));
    const promql_expr_test = Object.entries(firing).map(([eval_time, names]) => ({
      expr: 'count by (alertname) (ALERTS{alertstate="firing"})',
      eval_time,
      exp_samples: names.map(name => ({ labels: `{alertname="${name}"}`, value: 1 })),
    }));
    const input_series = Object.entries(series).map(([name, values]) => ({ series: name, values }));
    const suite = {
      rule_files: ['recording.yml', 'alerts.yml'],
      evaluation_interval: '1s',
      group_eval_order: ['squall-recording', 'squall-alerts'],
      tests: [{ interval: '1s', input_series, promql_expr_test }],
    };
    writeAll(folder.path, { 'test.yml': stringify(suite) });
    return await promtool('test', 'rules', `${folder.path}/test.yml`);
  }

  it.concurrent.each(Object.keys(CASES))('fire exactly when expected: %s', async name => {
    const { code, output } = await tested(CASES[name]!);
    expect(code, output).toBe(0);
  });

  // Divided by 60: five minutes are 5 s, one is 1 s, and a rate needs 4 s.
  it('scale their durations', async () => {
    const { series } = CASES['slow for five minutes']!;
    const slow = await tested({ series, firing: { '4s': [], '12s': ['HighP99Latency'] } }, 60);
    expect(slow.code, slow.output).toBe(0);
    const long = { series: CASES['hundreds waiting']!.series, firing: { '5s': ['QueueCritical', 'QueueLong'] } };
    expect((await tested(long, 60)).code).toBe(0);
    expect((await tested(long, 1)).output).toContain('FAILED');
  });

  it('fail these tests when an alert is missing or unexpected', async () => {
    const { series } = CASES['hundreds waiting']!;
    const wrong = [{ '1m10s': [] }, { '1m10s': ['QueueLong'] }, { '30s': ['QueueLong', 'QueueCritical'] }];
    for (const firing of wrong)
      expect((await tested({ series, firing })).output).toMatch(/FAILED[\s\S]*exp:[\s\S]*got:/);
  });

  it('have a summary with values', async () => {
    using folder = temporaryFolder();
    writeAll(folder.path, renderPrometheus(options, TARGETS));
    const test = {
      interval: '1s',
      input_series: Object.entries(memory(950)).map(([series, values]) => ({ series, values })),
      alert_rule_test: [
        {
          eval_time: '2m',
          alertname: 'GpuMemoryHigh',
          exp_alerts: [
            {
              exp_labels: { severity: 'warning', job: 'inference', replica: 'inference-1', gpu: '0' },
              exp_annotations: { summary: 'GPU 0 of inference-1 has 95% of its memory in use' },
            },
          ],
        },
      ],
    };
    writeAll(folder.path, { 'test.yml': stringify({ rule_files: ['recording.yml', 'alerts.yml'], tests: [test] }) });
    const { code, output } = await promtool('test', 'rules', `${folder.path}/test.yml`);
    expect(code, output).toBe(0);
  });
});
