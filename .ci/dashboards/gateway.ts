import { chosen, type Dashboard, greatest, named, quantiles, rate, rateBy, sum, sumBy } from './grafana.ts';

/** Requests, upstreams, and what keeps the failures of these from clients. */
export const gateway: Dashboard = {
  name: 'gateway',
  description: 'Requests at the gateways, their upstreams, and what keeps the failures of these from clients.',
  choice: { label: 'replica', of: 'gateway_requests_in_flight' },
  rows: [
    [
      'Requests',
      ['Requests by status', 'reqps', rateBy('gateway_requests_total', 'status')],
      ['Time to first byte of streams', 's', ...quantiles('gateway_time_to_first_byte_seconds', 'stream="true"')],
      ['Duration', 's', ...quantiles('gateway_request_duration_seconds')],
      ['In flight', 'short', sum('requests', 'gateway_requests_in_flight'), sum('streams', 'gateway_streams_active')],
      [
        'Waiting',
        'short',
        sum('no upstream is available', 'gateway_requests_queued'),
        sum('no upstream is free', 'gateway_bulkhead_waiting'),
      ],
      [
        'Rejected while waiting',
        'reqps',
        named('queue:', rateBy('gateway_queue_rejections_total', 'reason')),
        named('bulkhead:', rateBy('gateway_bulkhead_rejections_total', 'reason')),
      ],
      ['Connections of clients', 'short', sumBy('gateway_connections', 'state')],
      ['Connections closed by the gateway', 'cps', rateBy('gateway_connections_closed_total', 'reason')],
      ['Responses that broke off', 'reqps', rateBy('gateway_truncated_responses_total', 'reason')],
    ],
    [
      'Upstreams',
      ['Attempts by outcome', 'reqps', rateBy('gateway_upstream_requests_total', 'outcome')],
      ['Attempts by upstream', 'reqps', rateBy('gateway_upstream_requests_total', 'upstream')],
      ['In flight', 'short', sumBy('gateway_upstream_in_flight', 'upstream')],
      ['Upstreams by state', 'short', sumBy('gateway_upstream_state', 'state')],
      ['Health checks', 'cps', rateBy('gateway_health_checks_total', 'result')],
      ['Why an upstream was picked', 'reqps', rateBy('gateway_balancer_picks_total', 'reason')],
      ['Discovery', 'cps', rateBy('gateway_discovery_queries_total', 'result')],
      ['Changes by discovery', 'cps', rateBy('gateway_upstream_changes_total', 'change')],
      [
        'Age of what is known',
        's',
        ['report of {{upstream}}', `max by (upstream) (${chosen('gateway_upstream_report_age_seconds')})`],
        greatest('discovery is stale', 'gateway_discovery_stale'),
      ],
    ],
    [
      'Protection',
      [
        'Circuit breakers by state',
        'short',
        sumBy('gateway_breaker_state', 'state'),
        sum('open at once', 'gateway_breakers_open'),
      ],
      ['Changes of circuit breakers', 'cps', rateBy('gateway_breaker_changes_total', 'upstream', 'to')],
      ['Ejections', 'cps', rateBy('gateway_ejections_total', 'upstream', 'reason')],
      [
        'Retries',
        'cps',
        rateBy('gateway_retries_total', 'reason'),
        rate('denied by the budget', 'gateway_retries_denied_total'),
      ],
      ['Retries left in the budget', 'short', sum('retries', 'gateway_retry_budget_remaining')],
      [
        'Upstreams without output',
        'short',
        sum('out', 'gateway_zombies'),
        named('trials a second:', rateBy('gateway_zombie_trials_total', 'result')),
      ],
      [
        'Held back until the first output',
        'cps',
        rate('reads', 'gateway_held_chunks_total'),
        named('ended by', rateBy('gateway_hold_limits_total', 'limit')),
      ],
    ],
  ],
};
