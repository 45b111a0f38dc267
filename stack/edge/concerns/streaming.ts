import type { Concern, EdgePlan } from './concern.ts';

/**
 * Token streams without buffering; `X-Accel-Buffering: no` requests the same of outer proxies.
 *
 * With `buffering: on`, nginx behaves as by default: HTTP/1.0 to the upstream, and everything after the header's packet is buffered
 * until a buffer is full or the upstream is done. (With HTTP/1.1, chunks are relayed at once if the client is fast.) The upstream's
 * `X-Accel-Buffering: no` is then ignored, so that streams are reliably broken.
 */
export function streaming({ options }: EdgePlan): Concern {
  const isBuffered = options.streaming.buffering === 'on';
  return {
    name: 'streaming',
    // Upstreams must not be able to redirect nginx internally or throttle it.
    proxied: [
      `proxy_ignore_headers X-Accel-Redirect X-Accel-Limit-Rate X-Accel-Charset${isBuffered ? ' X-Accel-Buffering' : ''};`,
    ],
    streaming: isBuffered
      ? ['proxy_http_version 1.0;', 'proxy_buffering on;']
      : ['proxy_http_version 1.1;', 'proxy_buffering off;', 'add_header X-Accel-Buffering no always;'],
    unstreamed: ['proxy_http_version 1.1;'],
  };
}
