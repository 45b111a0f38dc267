import type { ServerResponse } from 'node:http';

/** Responses whose pieces are encoded by their own `write`. */
const ENCODED = new WeakSet<object>();

/**
 * Writes a piece of a response's body, whose head was begun with `writeHead`, and its framing, where the body is chunked, in one write:
 * `node:http` makes four of it. Text is written as UTF-8, and only once the head has been sent, which would be encoded likewise.
 * @returns false when the caller must wait for `drain`
 */
export function writePiece(
  response: Pick<ServerResponse, 'write' | 'chunkedEncoding'>,
  piece: Buffer | string,
): boolean {
  if (!response.chunkedEncoding || piece.length === 0 || ENCODED.has(response)) return response.write(piece);
  // The end of the body and its trailers remain those of `node:http`.
  response.chunkedEncoding = false;
  const mayGoOn = response.write(typeof piece === 'string' ? framedText(piece) : framed(piece));
  response.chunkedEncoding = true;
  return mayGoOn;
}

/**
 * Encodes the body of a response, of which nothing has been written: its head gets `content-encoding`, and loses a length. Heads have to be written with headers as a list of
 * alternating names and values.
 * @param encode the next piece, and whether it is the last
 */
export function encodeBody(
  response: ServerResponse,
  coding: string,
  encode: (piece: Uint8Array, isLast: boolean) => Buffer,
): void {
  const [writeHead, write, end] = [response.writeHead, response.write, response.end].map(
    method => method.bind(response) as (...values: unknown[]) => never,
  );
  const bytesOf = (piece: unknown) => (typeof piece === 'string' ? Buffer.from(piece) : (piece as Buffer | undefined));
  ENCODED.add(response);
  Object.assign(response, {
    writeHead: (status: number, headers: readonly string[] = []) => {
      const isLength = (index: number) => headers[index - (index % 2)]!.toLowerCase() === 'content-length';
      const others = headers.filter((_, index) => !isLength(index));
      return writeHead!(status, [...others, 'content-encoding', coding, 'vary', 'accept-encoding']);
    },
    write: (piece: Buffer | string, ...rest: unknown[]) =>
      // An empty piece sends the head.
      write!(piece.length === 0 ? piece : encode(bytesOf(piece)!, false), ...rest),
    end: (piece?: Buffer | string) => end!(encode(bytesOf(piece) ?? Buffer.alloc(0), true)),
  });
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
