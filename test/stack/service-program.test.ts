import { expect, test } from 'vitest';
import { parseListen } from '../../stack/service-program.ts';

test.each([
  ['127.0.0.1:8080', { host: '127.0.0.1', port: 8080 }],
  ['[::1]:0', { host: '::1', port: 0 }],
  ['localhost:65535', { host: 'localhost', port: 65_535 }],
])('LISTEN %s is parsed', (text, address) => {
  expect(parseListen(text)).toEqual(address);
});

test.each([undefined, '', '8080', 'host:', 'host:99999', '::1:80'])('LISTEN %j is rejected', text => {
  expect(() => parseListen(text)).toThrow('HOST:PORT');
});
