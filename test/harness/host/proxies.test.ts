import http from 'node:http';
import { expect, it } from 'vitest';
import { ignoreProxies } from '../../../harness/host/proxies.ts';

it('leaves no proxy in an environment, whatever its name, and nothing else out', () => {
  const proxies = { HTTP_PROXY: 'a', http_proxy: 'a', Https_Proxy: 'a', ALL_PROXY: 'a', ftp_proxy: 'a' };
  const env: NodeJS.ProcessEnv = { ...proxies, NO_PROXY: 'b', PATH: 'c', MY_PROXY_LIST: 'd' };
  expect(ignoreProxies(env).toSorted()).toEqual(Object.keys(proxies).toSorted());
  expect(env).toEqual({ PATH: 'c', MY_PROXY_LIST: 'd', NO_PROXY: '*', no_proxy: '*' });
  expect(ignoreProxies(env)).toEqual([]);
});

it('changes nothing without one', () => {
  const before = http.globalAgent;
  const env = { PATH: 'c', NO_PROXY: 'b' };
  expect(ignoreProxies(env)).toEqual([]);
  expect(env).toEqual({ PATH: 'c', NO_PROXY: 'b' });
  expect(http.globalAgent).toBe(before);
});
