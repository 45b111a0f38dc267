import { describe, expect, it } from 'vitest';
import { checkTarget } from '../../../scenarios/target/target.ts';

describe('the target of a run', () => {
  it.each([
    ['http://127.0.0.1:8000', 'http://127.0.0.1:8000', 8000],
    ['http://127.0.0.1:8000/v1/', 'http://127.0.0.1:8000', 8000],
    ['http://127.0.0.1/team/v1', 'http://127.0.0.1/team', 80],
    ['https://127.0.0.1', 'https://127.0.0.1', 443],
  ])('%s is the base URL that clients add /v1 to', async (text, url, port) => {
    const target = { url, addresses: ['127.0.0.1'], port, iOwnThisTarget: false };
    expect(await checkTarget(text, {})).toMatchObject(target);
  });

  it('keeps its name, beside the addresses that were checked', async () => {
    const resolve = async () => ['192.0.2.1', '192.0.2.2'];
    const target = {
      url: 'https://llm.invalid',
      addresses: ['192.0.2.1', '192.0.2.2'],
      port: 443,
      iOwnThisTarget: true,
    };
    expect(await checkTarget('https://llm.invalid', { iOwnThisTarget: true, resolve })).toMatchObject(target);
    await expect(checkTarget('https://llm.invalid', { resolve })).rejects.toMatchObject({ code: 'TARGET_NOT_LOCAL' });
  });

  it('may have a query, but no credential in it, which is not quoted', async () => {
    const { base } = await checkTarget('http://127.0.0.1/openai/v1?api-version=2024-10-21', {});
    expect(base).toEqual({ url: 'http://127.0.0.1/openai', root: '/v1', query: '?api-version=2024-10-21' });
    for (const query of ['key=abc', 'api_key=abc', 'access_token=abc', 'sig=abc', 'x=sk-abcdefgh']) {
      const refused = await checkTarget(`http://127.0.0.1/?v=1&${query}`, {}).catch(error => error);
      expect(refused, query).toMatchObject({ code: 'BAD_TARGET', next: expect.stringContaining('env:') });
      expect(refused.message).not.toContain('abc');
    }
  });
});
