import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { expect, test } from 'vitest';
import { writePiece } from '../../stack/chunked-body.ts';

type Pieces = readonly (Buffer | string)[];

/** Everything that a server sends, which writes `pieces` by `write`, then ends with a trailer. */
async function sent(write: (response: ServerResponse, piece: Buffer | string) => void, pieces: Pieces, method: string) {
  await using server = createServer((_, response) => {
    response.sendDate = false;
    response.writeHead(200, { 'x-name': 'é', ...(method === 'GET' && { trailer: 'x-sum' }) });
    response.write(Buffer.alloc(0));
    for (const piece of pieces) write(response, piece);
    if (method === 'GET') response.addTrailers({ 'x-sum': '1' });
    response.end('last');
  }).listen(0, '127.0.0.1');
  await new Promise(resolve => server.once('listening', resolve));
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.end(`${method} / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`);
  return Buffer.concat(await socket.toArray()).toString('latin1');
}

// What node:http itself sends is the reference, byte for byte.
test.each<[string, Pieces, string]>([
  ['bytes', [Buffer.from('data: é\n\n'), Buffer.alloc(70_000, 'x'), Buffer.alloc(0)], 'GET'],
  ['text of several bytes a character', ['data: 漢字 é\n\n', '', 'x'], 'GET'],
  ['a response without a body', ['data', Buffer.from('more')], 'HEAD'],
])('a piece is what node:http makes of it: %s', async (_, pieces, method) => {
  const expected = await sent((response, piece) => void response.write(piece), pieces, method);
  expect(expected).toContain(method === 'GET' ? 'x-sum: 1\r\n\r\n' : 'x-name');
  expect(await sent((response, piece) => void writePiece(response, piece), pieces, method)).toBe(expected);
});

test('a piece is one write, however it is framed, and one of a body with a length is itself', () => {
  const writes: unknown[] = [];
  const target = (chunkedEncoding: boolean) => ({
    chunkedEncoding,
    write: (piece: unknown) => {
      writes.push(piece);
      return false;
    },
  });
  const chunked = target(true);
  expect(writePiece(chunked, 'four')).toBe(false);
  expect(chunked.chunkedEncoding).toBe(true);
  writePiece(target(false), 'four');
  expect(writes).toEqual(['4\r\nfour\r\n', 'four']);
});
