/**
 * Values of a column chunk in as few bytes as hold them exactly: one value, a sequence, integers of 1, 2 or 4 bytes above the smallest
 * (of microseconds where values are whole microseconds in ms), or doubles. NaN stands for none.
 */
export interface Encoded {
  readonly kind: 'constant' | 'sequence' | 'bytes-1' | 'bytes-2' | 'bytes-4' | 'doubles';
  /** Smallest or first value, times `scale`. */
  readonly base: number;
  readonly scale: number;
}

/** Encoded values, and their bytes: none for a constant and a sequence. */
export interface EncodedBytes {
  readonly values: Encoded;
  readonly bytes: Uint8Array;
}

const WIDTHS = [
  { kind: 'bytes-1', Packed: Uint8Array, none: 0xff },
  { kind: 'bytes-2', Packed: Uint16Array, none: 0xffff },
  { kind: 'bytes-4', Packed: Uint32Array, none: 0xffff_ffff },
] as const;
const NOTHING = new Uint8Array();

/** Encodes values so that {@link decode} gives the same ones, bit by bit but for NaN and the sign of zero. */
export function encode(values: Float64Array): EncodedBytes {
  const first = values[0] ?? Number.NaN;
  if (values.every(value => Object.is(value, first)))
    return { values: { kind: 'constant', base: first, scale: 1 }, bytes: NOTHING };
  if (Number.isSafeInteger(first) && values.every((value, row) => value === first + row))
    return { values: { kind: 'sequence', base: first, scale: 1 }, bytes: NOTHING };
  return integersOf(values, 1) ?? integersOf(values, 1000) ?? doublesOf(values);
}

function integersOf(values: Float64Array, scale: number): EncodedBytes | undefined {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (Number.isNaN(value)) continue;
    const whole = Math.round(value * scale);
    if (whole / scale !== value || !Number.isSafeInteger(whole)) return undefined;
    if (whole < low) low = whole;
    if (whole > high) high = whole;
  }
  const width = WIDTHS.find(({ none }) => high - low < none);
  if (!width) return undefined;
  const packed = new width.Packed(values.length);
  for (let row = 0; row < values.length; row += 1)
    packed[row] = Number.isNaN(values[row]!) ? width.none : Math.round(values[row]! * scale) - low;
  return { values: { kind: width.kind, base: low, scale }, bytes: new Uint8Array(packed.buffer) };
}

function doublesOf(values: Float64Array): EncodedBytes {
  return { values: { kind: 'doubles', base: 0, scale: 1 }, bytes: new Uint8Array(values.slice().buffer) };
}

/**
 * Decodes the first `count` values into an array.
 * @param bytes those of the encoded values, at an offset that is a multiple of 8
 */
export function decode({ kind, base, scale }: Encoded, bytes: Uint8Array, count: number, into: Float64Array): void {
  if (kind === 'constant') into.fill(base, 0, count);
  else if (kind === 'sequence') for (let row = 0; row < count; row += 1) into[row] = base + row;
  else if (kind === 'doubles') into.set(new Float64Array(bytes.buffer, bytes.byteOffset, count));
  else {
    const { Packed, none } = WIDTHS.find(width => width.kind === kind)!;
    unpack(new Packed(bytes.buffer as ArrayBuffer, bytes.byteOffset, count), none, base, scale, into);
  }
}

function unpack(
  packed: Uint8Array | Uint16Array | Uint32Array,
  none: number,
  base: number,
  scale: number,
  into: Float64Array,
): void {
  for (let row = 0; row < packed.length; row += 1) {
    const value = packed[row]!;
    into[row] = value === none ? Number.NaN : (base + value) / scale;
  }
}
