import type { Concern, EdgePlan } from './concern.ts';

/**
 * Token streams reach the client as they come, and the header asks proxies further out to do the same.
 *
 * Buffering on is what nginx does by default: HTTP/1.0 towards the upstream, and whatever comes after the header's packet is held
 * until a buffer is full or the upstream is done. (Chunks of HTTP/1.1 would be passed on even so, where the client is quick.) The
 * upstream's own wish, `X-Accel-Buffering: no`, is ignored then, so that the broken counterpart is broken for sure.
 */
export function streaming({ options }: EdgePlan): Concern {
  const isBuffered = options.streaming.buffering === 'on';
  return {
    name: 'streaming',
    // An upstream may not send nginx to another location or slow it down.
    proxied: [
      `proxy_ignore_headers X-Accel-Redirect X-Accel-Limit-Rate X-Accel-Charset${isBuffered ? ' X-Accel-Buffering' : ''};`,
    ],
    streaming: isBuffered
      ? ['proxy_http_version 1.0;', 'proxy_buffering on;']
      : ['proxy_http_version 1.1;', 'proxy_buffering off;', 'add_header X-Accel-Buffering no always;'],
    ordinary: ['proxy_http_version 1.1;'],
  };
}
