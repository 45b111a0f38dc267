import { gatewayMetrics, type Script } from './scripted-facts.ts';

/** A request that a gateway relayed and an engine finished, and its client has. */
const WELL = {
  records: [{ outcome: 'ok', upstream: 'inference-1', firstTokenMs: 20, endMs: 500 }],
  logs: {
    'gateway-1': [
      {
        of: 0,
        startMs: 1,
        atMs: 499,
        attempts: 1,
        upstream: 'inference-1',
        outcome: 'completed',
        ttfbMs: 19,
        stream: true,
      },
    ],
    'inference-1': [{ of: 0, startMs: 2, atMs: 498, finishReason: 'length' }],
  },
} as const satisfies Script;
const [RELAYED] = WELL.logs['gateway-1'];
const [FINISHED] = WELL.logs['inference-1'];
const USABLE = gatewayMetrics('usable', 'usable', 'gateway_limits_redis_up 1');
const LISTED = 'control_services{service="inference",status="passing"} 2';
/** A stack that has settled. */
export const SETTLED = { metrics: { 'gateway-1': USABLE, 'gateway-2': USABLE, control: LISTED } } satisfies Script;

/** Requests that arrive every `everyMs` at a gateway, each sent `attempts` times in 50 ms. */
const arrivals = (count: number, everyMs: number, attempts: number) =>
  Array.from({ length: count }, (_, nth) => ({
    of: nth,
    startMs: nth * everyMs,
    atMs: nth * everyMs + 50,
    attempts,
    outcome: 'failed',
  }));
const KILLED = { kind: 'kill', on: 'inference-1', fromMs: 100, toMs: 9000 };
const healthy = { atMs: -900, msg: 'upstream health changed', upstream: 'inference-1', health: 'healthy' };

/** Each invariant with facts that hold it and facts that break it; `in other words` facts that only look like a breach. */
export const TABLE: Readonly<
  Record<
    string,
    { readonly holds: Readonly<Record<string, Script>>; readonly breaks: Readonly<Record<string, Script>> }
  >
> = {
  'every-request-ends': {
    holds: {
      'a failure is an end, too': { records: [{ outcome: 'reset' }] },
      'the load was stopped at once': { records: [{ outcome: 'interrupted' }], isSteady: false },
    },
    breaks: {
      'one was still open': { records: [{ outcome: 'interrupted' }] },
      'one has no record': { records: [{}], started: 2 },
    },
  },
  'accepted-requests-are-delivered': {
    holds: {
      'the client has it whole': WELL,
      'the client left': { ...WELL, records: [{ outcome: 'abandoned', endMs: 300 }] },
      'the link to the client was down': {
        ...WELL,
        records: [{ outcome: 'truncated', endMs: 500 }],
        faults: [{ kind: 'down', on: 'client→gateway-1', fromMs: 300, toMs: 900 }],
      },
    },
    breaks: {
      'the client has a part of it': { ...WELL, records: [{ outcome: 'truncated', endMs: 500 }] },
      'no engine knows it': { ...WELL, logs: { 'gateway-1': [RELAYED] } },
    },
  },
  'no-request-is-handled-twice': {
    holds: {
      'a gateway says that it sent it twice': {
        ...WELL,
        logs: { 'gateway-1': [{ ...RELAYED, attempts: 2 }], 'inference-1': [FINISHED], 'inference-2': [FINISHED] },
      },
      'the gateway that sent it first is dead': {
        ...WELL,
        logs: { ...WELL.logs, 'inference-2': [FINISHED] },
        faults: [{ kind: 'kill', on: 'gateway-2', fromMs: 100, toMs: 900 }],
      },
    },
    breaks: { 'two engines had it for one attempt': { ...WELL, logs: { ...WELL.logs, 'inference-2': [FINISHED] } } },
  },
  'no-work-for-nobody': {
    holds: {
      'the engine stops at once': {
        ...WELL,
        records: [{ outcome: 'abandoned', endMs: 300 }],
        logs: {
          'gateway-1': [{ ...RELAYED, atMs: 301 }],
          'inference-1': [{ ...FINISHED, atMs: 303, finishReason: 'abort' }],
        },
      },
      'the engine was frozen': {
        ...WELL,
        records: [{ outcome: 'abandoned', endMs: 300 }],
        logs: {
          'gateway-1': [{ ...RELAYED, atMs: 301 }],
          'inference-1': [{ ...FINISHED, atMs: 4001, finishReason: 'abort' }],
        },
        faults: [{ kind: 'pause', on: 'inference-1', fromMs: 50, toMs: 4000 }],
      },
    },
    breaks: {
      'the engine works on': {
        ...WELL,
        records: [{ outcome: 'abandoned', endMs: 150 }],
        logs: { 'gateway-1': [{ ...RELAYED, atMs: 151 }], 'inference-1': [FINISHED] },
      },
      'the engine begins after a freeze': {
        ...WELL,
        logs: {
          'gateway-1': [{ ...RELAYED, attempts: 2 }],
          'inference-1': [{ ...FINISHED, startMs: 4001, atMs: 4400 }],
          'inference-2': [FINISHED],
        },
        faults: [{ kind: 'pause', on: 'inference-1', fromMs: 0, toMs: 4000 }],
      },
    },
  },
  'no-request-hangs': {
    holds: {
      'each attempt waits for its limit': {
        logs: { 'gateway-1': [{ of: 0, startMs: 0, atMs: 21_000, attempts: 2, stream: true, outcome: 'failed' }] },
      },
      'the gateway was frozen': {
        logs: { 'gateway-1': [{ of: 0, startMs: 0, atMs: 21_000, attempts: 1, stream: true, outcome: 'failed' }] },
        faults: [{ kind: 'pause', on: 'gateway-1', fromMs: 50, toMs: 20_000 }],
      },
    },
    breaks: {
      'one attempt waits longer': {
        logs: { 'gateway-1': [{ of: 0, startMs: 0, atMs: 21_000, attempts: 1, stream: true, outcome: 'failed' }] },
      },
      'the client ends a stream that stalled': { records: [{ outcome: 'idle-timeout', endMs: 31_000 }] },
    },
  },
  'retry-budget-is-kept': {
    // 10 × 3 retries and a fifth of the requests: 30 + 0.2 × 80 = 46.
    holds: { 'as many as it allows': { logs: { 'gateway-1': [...arrivals(45, 100, 2), ...arrivals(35, 100, 1)] } } },
    breaks: { 'more than it allows': { logs: { 'gateway-1': arrivals(60, 100, 3) } } },
  },
  'rate-limits-are-kept': {
    holds: {
      'within rate and burst': {
        logs: { 'gateway-1': arrivals(30, 100, 1) },
        stack: {
          redis: 'off',
          gateway: { replicas: 2, limits: { perKey: 'off', global: { perSecond: 10, burst: 5 } } },
        },
      },
    },
    breaks: {
      'twice the rate': {
        logs: { 'gateway-1': arrivals(30, 100, 1), 'gateway-2': arrivals(30, 100, 1) },
        stack: {
          redis: 'off',
          gateway: { replicas: 2, limits: { perKey: 'off', global: { perSecond: 10, burst: 5 } } },
        },
      },
    },
  },
  'no-upstream-has-a-cause': {
    holds: {
      'no engine was well': {
        logs: { 'gateway-1': [{ of: 0, startMs: 0, atMs: 5000, reason: 'no-upstream' }] },
        faults: [KILLED, { ...KILLED, on: 'gateway→inference-2' }],
      },
      'the registry was ill, and gateways were told to trust it': {
        logs: { 'gateway-1': [{ of: 0, startMs: 0, atMs: 5000, reason: 'no-upstream' }] },
        faults: [{ ...KILLED, on: 'control' }],
        stack: { control: { keepLastGood: false } },
      },
    },
    breaks: {
      'one engine was well': {
        logs: { 'gateway-1': [{ of: 0, startMs: 0, atMs: 5000, reason: 'no-upstream' }] },
        faults: [KILLED],
      },
      'only the registry was ill': {
        logs: { 'gateway-1': [{ of: 0, startMs: 0, atMs: 5000, reason: 'no-upstream' }] },
        faults: [{ ...KILLED, on: 'control' }],
      },
    },
  },
  'outages-are-noticed': {
    holds: {
      'checks saw it': {
        logs: { 'gateway-1': [healthy, { ...healthy, atMs: 2500, health: 'unhealthy' }] },
        faults: [KILLED],
      },
      'discovery removed it': {
        logs: {
          'gateway-1': [healthy, { atMs: 3000, msg: 'upstream changed', upstream: 'inference-1', change: 'removed' }],
        },
        faults: [KILLED],
      },
      'its recovery was observed late': { logs: { 'gateway-1': [healthy] }, faults: [{ ...KILLED, healMs: 2000 }] },
      'it was too short': { logs: { 'gateway-1': [healthy] }, faults: [{ ...KILLED, toMs: 2000 }] },
    },
    breaks: { 'nobody saw it': { logs: { 'gateway-1': [healthy] }, faults: [KILLED] } },
  },
  'streams-of-the-dead-end': {
    holds: {
      'they break off': { logs: { 'gateway-1': [{ ...RELAYED, atMs: 105, outcome: 'truncated' }] }, faults: [KILLED] },
    },
    breaks: {
      'one stays open': { logs: { 'gateway-1': [{ ...RELAYED, atMs: 3000, outcome: 'truncated' }] }, faults: [KILLED] },
    },
  },
  'drains-lose-no-stream': {
    holds: {
      'it is finished': { ...WELL, faults: [{ kind: 'stop', on: 'gateway-1', fromMs: 100, toMs: 9000 }] },
      'its time was up': {
        ...WELL,
        records: [{ outcome: 'truncated', upstream: 'inference-1', firstTokenMs: 20, endMs: 2100 }],
        faults: [{ kind: 'stop', on: 'gateway-1', fromMs: 100, toMs: 9000 }],
      },
      'the engine died': {
        ...WELL,
        records: [{ outcome: 'truncated', upstream: 'inference-1', firstTokenMs: 20, endMs: 300 }],
        faults: [{ kind: 'stop', on: 'gateway-1', fromMs: 100, toMs: 9000 }, KILLED],
      },
    },
    breaks: {
      'a gateway breaks it off': {
        records: [{ outcome: 'truncated', upstream: 'inference-1', firstTokenMs: 20, endMs: 300 }],
        faults: [{ kind: 'stop', on: 'gateway-1', fromMs: 100, toMs: 9000 }],
      },
      'an engine breaks it off': {
        ...WELL,
        records: [{ outcome: 'truncated', upstream: 'inference-1', firstTokenMs: 20, endMs: 300 }],
        faults: [{ kind: 'stop', on: 'inference-1', fromMs: 100, toMs: 9000 }],
      },
    },
  },
  'everything-is-released': {
    holds: {
      'gauges are at 0': {
        metrics: {
          'gateway-1': 'gateway_requests_in_flight 0',
          'inference-1': 'vllm:num_requests_running{engine="0"} 0',
        },
      },
    },
    breaks: {
      'a request is held': { metrics: { 'gateway-1': 'gateway_requests_in_flight 1' } },
      'one was released twice': { metrics: { 'gateway-2': 'gateway_upstream_in_flight{upstream="inference-1"} -1' } },
      'an engine still works': { metrics: { 'inference-2': 'vllm:num_requests_running{engine="0"} 1' } },
    },
  },
  'no-connection-is-left': {
    holds: { 'there is none': { halfOpen: [] } },
    breaks: { 'a proxy holds one': { halfOpen: ['toxiproxy: 10.0.0.3:10000 → 10.0.1.2:8000'] } },
  },
  'every-replica-is-back': {
    holds: {
      'all are used, listed and share their limits': SETTLED,
      'one was scaled down': {
        metrics: { ...SETTLED.metrics, control: LISTED.replace('2', '1') },
        states: { 'inference-2': 'stopped' },
      },
    },
    breaks: {
      'one is down': { ...SETTLED, states: { 'inference-2': 'exited' } },
      'one is ejected': { metrics: { ...SETTLED.metrics, 'gateway-2': gatewayMetrics('usable', 'ejected') } },
      'one is unknown to a gateway': {
        metrics: { ...SETTLED.metrics, 'gateway-1': gatewayMetrics('usable', 'usable').split('\n')[0]! },
      },
      'one is not listed': { metrics: { ...SETTLED.metrics, control: LISTED.replace('2', '1') } },
      'limits are not shared': {
        metrics: { ...SETTLED.metrics, 'gateway-1': gatewayMetrics('usable', 'usable', 'gateway_limits_redis_up 0') },
      },
    },
  },
};
