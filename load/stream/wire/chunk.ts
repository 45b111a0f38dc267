const CR = 0x0d;
const LF = 0x0a;
/** Maximum number of hexadecimal digits of a chunk's length: no read is longer than 64 KiB. */
const MAX_DIGITS = 5;

/**
 * Finds the data of a chunk (RFC 9112, section 7.1) if the first `count` bytes are exactly one complete chunk without extensions. A
 * server that flushes each token sends those, and an HTTP parser would take a tenth of a token's cost for them.
 * @returns offset of the data, which end two bytes before `count`; 0 for any other bytes, including the last chunk of a body
 */
export function dataOfWholeChunk(bytes: Uint8Array, count: number): number {
  let length = 0;
  let at = 0;
  for (; at < MAX_DIGITS; at++) {
    const digit = hexDigit(bytes[at]!);
    if (digit === -1) break;
    length = length * 16 + digit;
  }
  const begin = at + 2;
  const isWhole = length > 0 && count === begin + length + 2;
  return isWhole && isLineEnd(bytes, at) && isLineEnd(bytes, count - 2) ? begin : 0;
}

function isLineEnd(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === CR && bytes[at + 1] === LF;
}

/** The value of a hexadecimal digit in ASCII; −1 for any other byte. */
function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1;
}
