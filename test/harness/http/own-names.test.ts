import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { foreignSite, hostNames } from '../../../harness/http/own-names.ts';
import { requestTarget } from '../../../harness/http/request-target.ts';

const request = (host: string | undefined, rest: { url?: string; method?: string; origin?: string } = {}) =>
  ({
    url: rest.url ?? '/x',
    method: rest.method ?? 'GET',
    headers: { host, ...(rest.origin === undefined ? {} : { origin: rest.origin }) },
    socket: { localAddress: '::ffff:10.1.2.3' },
  }) as unknown as IncomingMessage;

test.each([
  ...['127.0.0.1', '127.0.0.1:8500', '127.8.9.1:1', 'localhost', 'LocalHost:80', '[::1]:8500', '[::ffff:127.0.0.1]:1'],
  ...['10.1.2.3:8000', 'toxiproxy:20001', 'Inference-1', undefined],
])('%s is a name of its own', host => {
  expect(foreignSite(request(host), ['toxiproxy', 'inference-1'])).toBeUndefined();
});

test.each([
  ...[
    'evil.example',
    'evil.example:8500',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    'localhost.',
    '10.1.2.4',
  ],
  ...['0.0.0.0', '0.0.0.0:8500', '[::]:80', '169.254.169.254', '2130706433', '0x7f000001', '127.1', '', ':80', ' '],
  ...['127.0.0.1:80@evil.example', 'evil.example#127.0.0.1', '127.0.0.1/..', '127.0.0.1, evil.example', '[::1', '::1'],
  ...['127.0.0.1:123456', '[127.0.0.1].evil', 'toxiproxy.evil.example', '[fe80::1%lo]'],
])('%j is not', host => {
  expect(foreignSite(request(host), ['toxiproxy'])).toContain('is not a name of this listener');
});

test.each([
  ['127.0.0.1:8500', 'http://127.0.0.1:8500', true],
  ['127.0.0.1:8500', 'http://evil.example', false],
  ['127.0.0.1:8500', 'http://127.0.0.1:3000', false],
  ['127.0.0.1:8500', 'http://localhost:8500', false],
  ['127.0.0.1:8500', 'null', false],
  ['127.0.0.1:8500', '', false],
])('at %s the origin %j is its own: %s', (host, origin, isOwn) => {
  expect(foreignSite(request(host, { origin })) === undefined).toBe(isOwn);
});

test('the authority of an absolute target counts, not Host beside it', () => {
  expect(foreignSite(request('127.0.0.1', { url: 'http://evil.example/x' }))).toContain('evil.example');
  expect(foreignSite(request('evil.example', { url: 'http://127.0.0.1/x' }))).toBeUndefined();
  expect(foreignSite(request('127.0.0.1', { url: 'ftp://127.0.0.1/x' }))).toContain('no valid target');
});

test.each([
  ['GET', '/a?b=%20?c', { path: '/a', query: '?b=%20?c', authority: 'h' }],
  ['GET', '/\xe4\xc3\xb6?\xff', { path: '/\xe4\xc3\xb6', query: '?\xff', authority: 'h' }],
  ['GET', '//x/y', { path: '//x/y', query: '', authority: 'h' }],
  ['GET', 'http://o:1/v1/models?x', { path: '/v1/models', query: '?x', authority: 'o:1' }],
  ['GET', 'HTTPS://O', { path: '/', query: '', authority: 'O' }],
  ['GET', 'http://o?x', { path: '/', query: '?x', authority: 'o' }],
  ['OPTIONS', 'http://o', { path: '*', query: '', authority: 'o' }],
  ['OPTIONS', '*', { path: '*', query: '', authority: 'h' }],
])('%s %s', (method, url, target) => {
  expect(requestTarget(request('h', { method, url }))).toEqual(target);
});

test.each(['*', 'o:80', 'ftp://o/', 'http:///x', 'http://user@o/', 'http:o/x', 'http://o/x#y', ''])(
  '%j is no target',
  url => {
    expect(requestTarget(request('h', { url }))).toBeUndefined();
  },
);

test('names come from the environment', () => {
  expect([hostNames('toxiproxy,inference-1'), hostNames(''), hostNames(undefined)]).toEqual([
    ['toxiproxy', 'inference-1'],
    [],
    [],
  ]);
});
