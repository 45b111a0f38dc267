import { type Concern, type EdgePlan, wholeSeconds } from './concern.ts';

/**
 * Micro-cache for GET, never for token streams. An upstream's `Cache-Control` overrides the times given here. Responses to
 * requests with an API key are cached per key or not at all. Responses to requests with cookies, and responses that set cookies,
 * are not cached.
 */
export function cache({ options: { cache } }: EdgePlan): Concern {
  if (cache === 'off') return { name: 'cache' };
  const bypass = cache.authenticated === 'never' ? '$http_cookie$http_authorization$http_x_api_key' : '$http_cookie';
  return {
    name: 'cache',
    http: [
      'proxy_cache_path temp/cache levels=1:2 keys_zone=responses:10m max_size=256m inactive=1d use_temp_path=off;',
    ],
    unstreamed: [
      'proxy_cache responses;',
      'proxy_cache_methods GET;',
      '# Joined by newlines, which no part can contain, so that keys are unambiguous.',
      'proxy_cache_key "$scheme\\n$http_host\\n$request_uri\\n$http_authorization\\n$http_x_api_key";',
      `proxy_cache_valid 200 ${wholeSeconds(cache.okMs)};`,
      `proxy_cache_valid 404 ${wholeSeconds(cache.notFoundMs)};`,
      '# Concurrent misses of one key send a single request to the upstream.',
      'proxy_cache_lock on;',
      `proxy_cache_bypass ${bypass};`,
      `proxy_no_cache ${bypass};`,
      'add_header X-Cache-Status $upstream_cache_status always;',
    ],
  };
}
