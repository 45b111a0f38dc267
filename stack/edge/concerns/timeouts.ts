import type { Concern, EdgePlan } from './concern.ts';

/** nginx cannot switch its timeouts off; an hour is as good as none in a test. */
const NEVER_MS = 3_600_000;

/**
 * Slow-HTTP defence. A whole request is read before an upstream hears of it, so slow senders hold nothing but nginx's memory.
 */
export function timeouts({ options }: EdgePlan): Concern {
  const { headerMs, bodyMs, sendMs, idleMs } =
    options.timeouts === 'off'
      ? { headerMs: NEVER_MS, bodyMs: NEVER_MS, sendMs: NEVER_MS, idleMs: NEVER_MS }
      : options.timeouts;
  return {
    name: 'timeouts',
    http: [
      `client_header_timeout ${headerMs}ms;`,
      `client_body_timeout ${bodyMs}ms;`,
      `send_timeout ${sendMs}ms;`,
      `keepalive_timeout ${idleMs}ms;`,
      '# RST instead of FIN, so that what was not read does not stay in the kernel.',
      'reset_timedout_connection on;',
      '# Room for the longest headers that `refusals` lets through.',
      'large_client_header_buffers 4 16k;',
    ],
    proxied: ['proxy_request_buffering on;'],
  };
}
