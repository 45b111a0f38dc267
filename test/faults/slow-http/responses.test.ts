import { describe, expect, it } from 'vitest';
import { ResponseReader } from '../../../faults/slow-http/attacker/responses.ts';

const SIZED = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/';
const CHUNKED = 'HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHTTP/\r\n3;a=b\r\nabc\r\n0\r\nT: 1\r\n\r\n';
const EMPTY = 'HTTP/1.1 204 No Content\r\n\r\n';
const HINT = 'HTTP/1.1 100 Continue\r\n\r\n';

describe('responses on one connection', () => {
  it.each([
    ['sized', SIZED, [200], 1],
    ['chunked, with trailers', CHUNKED, [404], 1],
    ['without a body', EMPTY, [204], 1],
    ['four in a row', `${SIZED}${CHUNKED}${EMPTY}${SIZED}`, [200, 404, 204, 200], 4],
    ['after a hint', `${HINT}${SIZED}`, [200], 1],
    ['cut short', SIZED.slice(0, -1), [200], 0],
    ['until the connection ends', 'HTTP/1.1 400 Bad\r\n\r\nHTTP/1.1 200 OK\r\n\r\n', [400], 0],
    ['not HTTP', 'hello\r\n\r\n', [], 0],
  ])('counts responses that are %s, however they are split', (_name, text, statuses, complete) => {
    // Every size of piece from one byte to all at once: the reader's state is all that it keeps between them.
    for (let size = 1; size <= text.length; size += 1) {
      const reader = new ResponseReader();
      for (let at = 0; at < text.length; at += size) reader.push(Buffer.from(text.slice(at, at + size)));
      expect({ statuses: reader.statuses, complete: reader.complete }).toEqual({ statuses, complete });
    }
  });
});
