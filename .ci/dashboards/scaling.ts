import { chosen, type Dashboard, p99By, quantiles, rate, rateBy, sum, sumBy } from './grafana.ts';

const latest = (metric: string, ...labels: readonly string[]) =>
  [labels.map(label => `{{${label}}}`).join(' '), `max by (${labels.join(', ')}) (${chosen(metric)})`] as const;

/** Autoscaler, control and the pool that prepares requests: what decides how many replicas there are. */
export const scaling: Dashboard = {
  name: 'scaling',
  description:
    'Replicas that are wanted and that are there, what the autoscaler decides by, and the pools that prepare requests.',
  choice: { label: 'replica', of: 'up' },
  rows: [
    [
      'Autoscaler',
      [
        'Replicas',
        'short',
        ['autoscaler: {{kind}}', latest('autoscaler_replicas', 'kind')[1]],
        ['{{deployment}}: {{kind}}', latest('control_deployment_replicas', 'deployment', 'kind')[1]],
      ],
      ['Metrics and their targets', 'short', latest('autoscaler_metric', 'metric', 'kind')],
      ['Changes of the number of replicas', 'cps', rateBy('autoscaler_rescales_total', 'direction')],
      ['Conditions', 'short', latest('autoscaler_condition', 'type', 'status', 'reason')],
      ['What the policy says of itself', 'short', latest('autoscaler_policy', 'name')],
      [
        'Decisions and scrapes',
        'cps',
        ['decisions: {{result}}', rateBy('autoscaler_syncs_total', 'result')[1]],
        ['scrapes of {{source}}: {{result}}', rateBy('autoscaler_scrapes_total', 'source', 'result')[1]],
      ],
    ],
    [
      'Control',
      ['Registered instances', 'short', sumBy('control_services', 'service', 'status')],
      ['Requests', 'reqps', rateBy('control_requests_total', 'route', 'status')],
      ['P99 by route', 's', p99By('control_request_duration_seconds', 'route')],
      ['Queries that wait for a change', 'short', sum('queries', 'control_blocked_queries')],
      [
        'Instances lost',
        'cps',
        rate('without a heartbeat', 'control_ttl_expired_total'),
        rate('deregistered', 'control_reaped_total'),
      ],
    ],
    [
      'Preprocessing',
      ['Requests by how they ended', 'reqps', rateBy('preprocess_requests_total', 'end')],
      ['Time until a request is prepared', 's', ...quantiles('preprocess_seconds')],
      [
        'Workers',
        'short',
        sum('requests that wait', 'preprocess_waiting'),
        sum('busy workers', 'preprocess_busy_workers'),
      ],
      ['Characters per second', 'short', rate('characters', 'preprocess_characters_total')],
    ],
  ],
};
