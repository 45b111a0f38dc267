import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { NEVER } from '../../../harness/clock.ts';
import { thisMachine as machine } from '../../../harness/host/network.ts';
import { checkTarget, externalTarget, type TargetOptions } from '../../../scenarios/target/target.ts';

describe('the target of a run', () => {
  it.each([
    ['http://127.0.0.1:8000', 'http://127.0.0.1:8000', 8000],
    ['http://127.0.0.1:8000/v1/', 'http://127.0.0.1:8000', 8000],
    ['http://127.0.0.1/team/v1', 'http://127.0.0.1/team', 80],
    ['https://127.0.0.1', 'https://127.0.0.1', 443],
  ])('%s is the base URL that clients add /v1 to', async (text, url, port) => {
    const target = { url, addresses: ['127.0.0.1'], port, iOwnThisTarget: false };
    expect(await checkTarget(text, { machine })).toMatchObject(target);
  });

  it('keeps its name, beside the addresses that were checked', async () => {
    const lookup = async () => ['192.0.2.1', '192.0.2.2'];
    const knowing = { machine: { ...machine, network: { ...machine.network, lookup } } };
    const target = {
      url: 'https://llm.invalid',
      addresses: ['192.0.2.1', '192.0.2.2'],
      port: 443,
      iOwnThisTarget: true,
    };
    expect(await checkTarget('https://llm.invalid', { iOwnThisTarget: true, ...knowing })).toMatchObject(target);
    await expect(checkTarget('https://llm.invalid', knowing)).rejects.toMatchObject({ code: 'TARGET_NOT_LOCAL' });
  });

  it('may have a query, but no credential in it, which is not quoted', async () => {
    const { base } = await checkTarget('http://127.0.0.1/openai/v1?api-version=2024-10-21', { machine });
    expect(base).toEqual({ url: 'http://127.0.0.1/openai', root: '/v1', query: '?api-version=2024-10-21' });
    for (const query of ['key=abc', 'api_key=abc', 'access_token=abc', 'sig=abc', 'x=sk-abcdefgh']) {
      const refused = await checkTarget(`http://127.0.0.1/?v=1&${query}`, { machine }).catch(error => error);
      expect(refused, query).toMatchObject({ code: 'BAD_TARGET', next: expect.stringContaining('env:') });
      expect(refused.message).not.toContain('abc');
    }
  });
});

describe('the authorization of a target', () => {
  const folder = mkdtempSync(join(tmpdir(), 'squall-token-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  afterEach(() => void vi.unstubAllEnvs());

  const file = (text: string, mode = 0o600): string => {
    const path = join(folder, `token ${text.length}-${mode}`);
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  };
  const given = async (options: TargetOptions) =>
    (await externalTarget({ target: 'http://127.0.0.1:1', platform: 'external', ...options }, machine, NEVER))!
      .authorization;

  it('comes from a file, a variable, or the option itself', async () => {
    vi.stubEnv('SQUALL_TEST_TOKEN', ' sk-hunter2\n');
    const linked = join(folder, 'link');
    symlinkSync(file('sk-hunter2\n', 0o400), linked);
    expect(await given({ authorizationFile: file('sk-hunter2\n') })).toBe('Bearer sk-hunter2');
    expect(await given({ authorizationFile: linked })).toBe('Bearer sk-hunter2');
    expect(await given({ authorizationFile: file('Basic aHVudGVyMg==') })).toBe('Basic aHVudGVyMg==');
    expect(await given({ authorization: 'env:SQUALL_TEST_TOKEN' })).toBe('Bearer sk-hunter2');
    expect(await given({ authorization: 'Basic env:SQUALL_TEST_TOKEN' })).toBe('Basic sk-hunter2');
    expect(await given({ authorization: 'sk-hunter2' })).toBe('Bearer sk-hunter2');
  });

  it.each<[string, () => TargetOptions, RegExp]>([
    [
      'that others read',
      () => ({ authorizationFile: file('sk-hunter2', 0o644) }),
      /others may access it, its mode is 0644/,
    ],
    ['that a group writes', () => ({ authorizationFile: file('sk-hunter2', 0o620) }), /its mode is 0620/],
    ['that is a device', () => ({ authorizationFile: '/dev/zero' }), /a device or a socket, not a regular file/],
    ['that is not there', () => ({ authorizationFile: join(folder, 'none') }), /ENOENT/],
    ['that is empty', () => ({ authorizationFile: file(' \n') }), /it is empty/],
    ['that is too large', () => ({ authorizationFile: file('x'.repeat(20_000)) }), /larger than 16 KiB/],
    ['of several lines', () => ({ authorizationFile: file('sk-hunter2\nsk-hunter3') }), /one line of printable ASCII/],
    ['beside an option', () => ({ authorizationFile: file('a'), authorization: 'b' }), /got both/],
    [
      'of a variable that is not set',
      () => ({ authorization: 'env:SQUALL_NOT_SET' }),
      /env:SQUALL_NOT_SET to name a variable/,
    ],
  ])('refuses one %s, and does not quote it', async (_, options, message) => {
    const error = await given(options()).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'BAD_AUTHORIZATION', kind: 'option', message: expect.stringMatching(message) });
    expect(String(error)).not.toContain('hunter');
  });

  it('belongs to a target', async () => {
    const alone = externalTarget({ authorizationFile: '/none' }, machine, NEVER);
    await expect(alone).rejects.toMatchObject({
      code: 'NO_TARGET',
      message: /--authorization-file only with --target/,
    });
  });
});
