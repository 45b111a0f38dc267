import type { Concern, EdgePlan } from './concern.ts';

/** Timeout that stands for `off`, which nginx does not support. */
const NEVER_MS = 3_600_000;

/**
 * Protection against slow HTTP clients. A request is read in full before it is proxied, so slow clients occupy only nginx's memory.
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
      '# RST instead of FIN, so that the kernel does not keep unread data.',
      'reset_timedout_connection on;',
      '# Large enough for the longest headers that access-control.conf allows.',
      'large_client_header_buffers 4 16k;',
    ],
    proxied: ['proxy_request_buffering on;'],
  };
}
