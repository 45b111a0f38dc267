import type { ServerResponse } from 'node:http';

/**
 * Writes a piece of a response's body, whose head was begun with `writeHead`, and its framing, where the body is chunked, in one write:
 * `node:http` makes four of it. Text is written as UTF-8, and only once the head has been sent, which would be encoded likewise.
 * @returns false when the caller must wait for `drain`
 */
export function writePiece(
  response: Pick<ServerResponse, 'write' | 'chunkedEncoding'>,
  piece: Buffer | string,
): boolean {
  if (!response.chunkedEncoding || piece.length === 0) return response.write(piece);
  // The end of the body and its trailers remain those of `node:http`.
  response.chunkedEncoding = false;
  const mayGoOn = response.write(typeof piece === 'string' ? framedText(piece) : framed(piece));
  response.chunkedEncoding = true;
  return mayGoOn;
}

function framedText(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

function framed(bytes: Buffer): Buffer {
  const size = `${bytes.length.toString(16)}\r\n`;
  const frame = Buffer.allocUnsafe(size.length + bytes.length + 2);
  frame.write(size, 0, 'latin1');
  frame.set(bytes, size.length);
  frame.write('\r\n', size.length + bytes.length, 'latin1');
  return frame;
}
