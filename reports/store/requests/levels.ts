/** Bits of a number above which it does not fit with the rest of a byte. */
const MAX_WIDTH = 24;

/**
 * Decodes the first `count` numbers of Parquet's hybrid of run lengths and packed bits, as levels and indexes of dictionaries are written.
 * Source: https://parquet.apache.org/docs/file-format/data-pages/encodings/
 * @param width bits of a number
 * @throws Error where the bytes are too few
 */
export function readHybrid(bytes: Uint8Array, width: number, count: number, into: Uint8Array | Uint32Array): void {
  if (width === 0) {
    into.fill(0, 0, count);
    return;
  }
  if (width > MAX_WIDTH) throw new Error(`numbers of ${width} bits are not supported`);
  const mask = 2 ** width - 1;
  let [at, next] = [0, 0];
  while (next < count) {
    let header = 0;
    for (let shift = 0; ; shift += 7) {
      if (at >= bytes.length || shift > 28) throw new Error('a page is cut');
      header |= (bytes[at]! & 0x7f) << shift;
      at += 1;
      if (bytes[at - 1]! < 0x80) break;
    }
    const run = header >>> 1;
    const end = Math.min(count, next + ((header & 1) === 1 ? 8 * run : run));
    const needed = (header & 1) === 1 ? Math.ceil(((end - next) * width) / 8) : (width + 7) >> 3;
    if (at + needed > bytes.length) throw new Error('a page is cut');
    if (header & 1) {
      unpackBits(bytes, at, width, into, next, end);
      at += run * width;
    } else {
      let value = 0;
      for (let byte = 0; byte < needed; byte += 1) value |= bytes[at + byte]! << (8 * byte);
      fill(into, value & mask, next, end);
      at += needed;
    }
    next = end;
  }
}

/** Most runs are short, as the levels of lists are. */
function fill(into: Uint8Array | Uint32Array, value: number, from: number, to: number): void {
  if (to - from > 64) into.fill(value, from, to);
  else for (let index = from; index < to; index += 1) into[index] = value;
}

/** Numbers `next` to `end` from bits that begin at a byte, the least significant first. */
function unpackBits(
  bytes: Uint8Array,
  at: number,
  width: number,
  into: Uint8Array | Uint32Array,
  next: number,
  end: number,
): void {
  const mask = 2 ** width - 1;
  if (width === 8) {
    for (let index = next; index < end; index += 1) into[index] = bytes[at + index - next]!;
    return;
  }
  if (width <= 9) {
    // In two bytes, wherever it begins.
    for (let [index, bit] = [next, 8 * at]; index < end; index += 1, bit += width)
      into[index] = ((bytes[bit >>> 3]! | (bytes[(bit >>> 3) + 1]! << 8)) >>> (bit & 7)) & mask;
    return;
  }
  let [from, bits, held] = [at, 0, 0];
  for (let index = next; index < end; index += 1) {
    for (; held < width; held += 8) {
      bits |= bytes[from]! << held;
      from += 1;
    }
    into[index] = bits & mask;
    bits >>>= width;
    held -= width;
  }
}
