import { describe, expect, it } from 'vitest';
import { checkTarget } from '../../scenarios/target.ts';

describe('the target of a run', () => {
  it.each([
    ['http://127.0.0.1:8000', 'http://127.0.0.1:8000', 8000],
    ['http://127.0.0.1:8000/v1/', 'http://127.0.0.1:8000', 8000],
    ['http://127.0.0.1/team/v1', 'http://127.0.0.1/team', 80],
    ['https://127.0.0.1', 'https://127.0.0.1', 443],
  ])('%s is the base URL that clients add /v1 to', async (text, url, port) => {
    expect(await checkTarget(text, {})).toEqual({ url, addresses: ['127.0.0.1'], port, iOwnThisTarget: false });
  });

  it('keeps its name, beside the addresses that were checked', async () => {
    const resolve = async () => ['192.0.2.1', '192.0.2.2'];
    const target = {
      url: 'https://llm.invalid',
      addresses: ['192.0.2.1', '192.0.2.2'],
      port: 443,
      iOwnThisTarget: true,
    };
    expect(await checkTarget('https://llm.invalid', { iOwnThisTarget: true, resolve })).toEqual(target);
    await expect(checkTarget('https://llm.invalid', { resolve })).rejects.toMatchObject({ code: 'TARGET_NOT_LOCAL' });
  });
});
