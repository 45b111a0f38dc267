import { describe, expect, it } from 'vitest';
import { apiBaseOf, apiPath, modelsPath, withQuery } from '../../../scenarios/target/base-url.ts';

/** Target; base of plain requests; path of chat, and of the models. */
const TABLE: readonly (readonly [target: string, url: string, chat: string, models: string])[] = [
  ['', '', '/v1/chat/completions', '/v1/models'],
  ['/', '', '/v1/chat/completions', '/v1/models'],
  ['/v1', '', '/v1/chat/completions', '/v1/models'],
  ['/v1/', '', '/v1/chat/completions', '/v1/models'],
  ['/v1//', '', '/v1/chat/completions', '/v1/models'],
  ['/team', '/team', '/team/v1/chat/completions', '/team/v1/models'],
  ['/team/v1', '/team', '/team/v1/chat/completions', '/team/v1/models'],
  ['/api/v3/', '/api', '/api/v3/chat/completions', '/api/v3/models'],
  ['/openai', '/openai', '/openai/chat/completions', '/openai/models'],
  ['/openai/', '/openai', '/openai/chat/completions', '/openai/models'],
  ['/openai/v1', '/openai', '/openai/v1/chat/completions', '/openai/v1/models'],
  ['/v1/openai', '/v1/openai', '/v1/openai/chat/completions', '/v1/openai/models'],
  ['/v1beta/openai/', '/v1beta/openai', '/v1beta/openai/chat/completions', '/v1beta/openai/models'],
  [
    '/v1/a/endpoints/openapi',
    '/v1/a/endpoints/openapi',
    '/v1/a/endpoints/openapi/chat/completions',
    '/v1/a/endpoints/openapi/models',
  ],
  ['/v1/chat/completions', '', '/v1/chat/completions', '/v1/models'],
  ['/chat/completions', '', '/chat/completions', '/models'],
  ['/x/chat/completions', '/x', '/x/chat/completions', '/x/models'],
  ['/x/chat/completions/', '/x', '/x/chat/completions/', '/x/models'],
  ['/v1/completions', '', '/v1/chat/completions', '/v1/models'],
  ['/x/v1/embeddings', '/x', '/x/v1/chat/completions', '/x/v1/models'],
  [
    '/openai/v1?api-version=preview',
    '/openai',
    '/openai/v1/chat/completions?api-version=preview',
    '/openai/v1/models?api-version=preview',
  ],
  [
    '/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21',
    '/openai/deployments/gpt-4o',
    '/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21',
    '/openai/deployments/gpt-4o/models?api-version=2024-10-21',
  ],
  [
    '/openai/deployments/gpt-4o?api-version=2024-10-21',
    '/openai/deployments/gpt-4o',
    '/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21',
    '/openai/deployments/gpt-4o/models?api-version=2024-10-21',
  ],
  // Names that only look like a version or an endpoint.
  ['/vip', '/vip', '/vip/v1/chat/completions', '/vip/v1/models'],
  ['/myopenai', '/myopenai', '/myopenai/v1/chat/completions', '/myopenai/v1/models'],
  ['/chat', '/chat', '/chat/v1/chat/completions', '/chat/v1/models'],
];

describe('the APIs of a target', () => {
  it.each(TABLE)('http://h:1%s', (target, url, chat, models) => {
    const base = apiBaseOf(new URL(`http://h:1${target}`));
    const pathOf = (path: string) => new URL(base.url).pathname.replace(/\/$/, '') + path;
    expect(base.url).toBe(`http://h:1${url}`);
    expect(pathOf(apiPath(base, 'chat'))).toBe(chat);
    expect(pathOf(modelsPath(base))).toBe(models);
  });

  it('are siblings, and an endpoint is as it was written', () => {
    const base = apiBaseOf(new URL('http://h/x/v1/completions/?a=b'));
    expect(apiPath(base, 'completions')).toBe('/v1/completions/?a=b');
    expect(apiPath(base, 'embeddings')).toBe('/v1/embeddings?a=b');
    const plain = apiBaseOf(new URL('http://h'));
    expect(apiPath(plain, 'completions')).toBe('/v1/completions');
    expect(apiPath(plain, 'embeddings')).toBe('/v1/embeddings');
  });

  it('have one query', () => {
    expect([withQuery('/a', ''), withQuery('/a', '?b'), withQuery('/a?c', '?b'), withQuery('/a?c', '')]).toEqual([
      ...['/a', '/a?b', '/a?c&b', '/a?c'],
    ]);
  });
});
