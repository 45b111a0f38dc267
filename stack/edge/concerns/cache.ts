import { type Concern, type EdgePlan, wholeSeconds } from './concern.ts';

/**
 * Micro-cache for GET, never for token streams. An upstream's own `Cache-Control` wins over the times given here. Answers to
 * requests with a key are kept apart by that key or not at all, those to requests with cookies never; answers that set
 * cookies are not stored either (nginx's own rule).
 */
export function cache({ options: { cache } }: EdgePlan): Concern {
  if (cache === 'off') return { name: 'cache' };
  const personal = cache.authenticated === 'never' ? '$http_cookie$http_authorization$http_x_api_key' : '$http_cookie';
  return {
    name: 'cache',
    http: ['proxy_cache_path temp/cache levels=1:2 keys_zone=answers:10m max_size=256m inactive=1d use_temp_path=off;'],
    ordinary: [
      'proxy_cache answers;',
      'proxy_cache_methods GET;',
      '# Between line ends, which no part can hold: two keys never read the same.',
      'proxy_cache_key "$scheme\\n$http_host\\n$request_uri\\n$http_authorization\\n$http_x_api_key";',
      `proxy_cache_valid 200 ${wholeSeconds(cache.okMs)};`,
      `proxy_cache_valid 404 ${wholeSeconds(cache.notFoundMs)};`,
      '# Of many requests for the same answer one asks the upstream.',
      'proxy_cache_lock on;',
      `proxy_cache_bypass ${personal};`,
      `proxy_no_cache ${personal};`,
      'add_header X-Cache-Status $upstream_cache_status always;',
    ],
  };
}
