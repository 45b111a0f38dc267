import { type Dashboard, named, type Query } from './grafana.ts';

/** The last value in each step of the chart, since a night has one. */
const last = (metric: string, where = '') =>
  `last_over_time(${metric}{scenario=~"$scenario"${where && `, ${where}`}}[$__interval])`;
const ofSuites = (metric: string) => `last_over_time(${metric}[$__interval])`;
const verdicts = (metric: string): Query => ['{{verdict}}', `sum by (verdict) (${last(metric)})`];
const worst = (metric: string): Query => [
  '{{scenario}} on {{platform}}',
  `max by (scenario, platform) (${last(metric, 'window="whole", quantile="0.99"')})`,
];
const ofSlo = (what: string): Query => [
  `{{scenario}} on {{platform}}, {{slo}}: ${what}`,
  `avg by (scenario, platform, slo) (${last(`squall_slo_${what}`)})`,
];

/** Results of runs and suites, `metrics.txt`, from night to night. */
export const runs: Dashboard = {
  name: 'runs',
  description: 'Results of runs and suites from night to night: verdicts, SLOs with their bounds, latencies.',
  choice: { label: 'scenario', of: 'squall_run_verdict' },
  isSparse: true,
  rows: [
    [
      'Verdicts',
      ['Runs by verdict', 'short', verdicts('squall_run_verdict')],
      ['SLOs by verdict', 'short', verdicts('squall_slo_verdict')],
      [
        'SLOs that did not pass',
        'short',
        [
          '{{scenario}}, {{slo}}: {{verdict}}',
          `sum by (scenario, slo, verdict) (${last('squall_slo_verdict', 'verdict!="pass"')}) > 0`,
        ],
      ],
      [
        'Proofs that show nothing',
        'short',
        ['{{scenario}} without {{safeguard}}', `sum by (scenario, safeguard) (1 - ${last('squall_proof_holds')}) > 0`],
      ],
      [
        'Duration of runs',
        's',
        ['{{scenario}} on {{platform}}', `avg by (scenario, platform) (${last('squall_run_duration_seconds')})`],
      ],
      ['Commits that ran', 'short', ['{{commit}}', `sum by (commit) (${last('squall_run_info')})`]],
    ],
    [
      'What SLOs measured, in their units',
      ['Measured', 'short', ofSlo('measured')],
      ['Lower bound', 'short', ofSlo('lower')],
      ['Upper bound', 'short', ofSlo('upper')],
    ],
    [
      'P99 of the whole load',
      ['Time to first token', 's', worst('squall_run_ttft_seconds')],
      ['Latency', 's', worst('squall_run_latency_seconds')],
      [
        'Between tokens',
        's',
        worst('squall_run_itl_seconds'),
        named('per output token:', worst('squall_run_tpot_seconds')),
      ],
    ],
    [
      'Load',
      ['Requests', 'short', ['{{outcome}}', `sum by (outcome) (${last('squall_run_load_requests')})`]],
      [
        'Failed requests by window',
        'percentunit',
        [
          '{{scenario}}, {{window}}',
          `sum by (scenario, window) (${last('squall_run_window_failed_requests')}) / sum by (scenario, window) (${last('squall_run_window_requests')})`,
        ],
      ],
    ],
    [
      'Suites',
      ['Exit code', 'short', ['{{suite}}', `max by (suite) (${ofSuites('squall_suite_exit_code')})`]],
      [
        'Runs by what became of them',
        'short',
        ['{{suite}}: {{state}}', `sum by (suite, state) (${ofSuites('squall_suite_places')})`],
      ],
      [
        'Duration',
        's',
        [
          '{{suite}} at {{commit}}',
          `max by (suite, commit) (${ofSuites('squall_suite_duration_seconds')} * on (suite) group_left (commit) max by (suite, commit) (${ofSuites('squall_suite_info')}))`,
        ],
      ],
    ],
  ],
};
