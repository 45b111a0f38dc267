import type { Numbers } from './pages.ts';

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

/** Whole numbers of the values that are being encoded; used again for each column. */
let wholes = new Float64Array();

/** Encodes values so that {@link decode} gives the same ones, bit by bit but for NaN and the sign of zero. */
export function encode(values: Numbers): EncodedBytes {
  const first = values[0] ?? Number.NaN;
  if (isConstant(values, first)) return { values: { kind: 'constant', base: first, scale: 1 }, bytes: NOTHING };
  if (isSequence(values, first)) return { values: { kind: 'sequence', base: first, scale: 1 }, bytes: NOTHING };
  return integersOf(values, 1) ?? integersOf(values, 1000) ?? doublesOf(values);
}

function isConstant(values: Numbers, first: number): boolean {
  const isNone = Number.isNaN(first);
  for (let row = 0; row < values.length; row += 1)
    if (values[row] !== first && !(isNone && Number.isNaN(values[row]))) return false;
  return true;
}

function isSequence(values: Numbers, first: number): boolean {
  if (!Number.isSafeInteger(first)) return false;
  for (let row = 0; row < values.length; row += 1) if (values[row] !== first + row) return false;
  return true;
}

function integersOf(values: Numbers, scale: number): EncodedBytes | undefined {
  if (wholes.length < values.length) wholes = new Float64Array(values.length);
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let row = 0; row < values.length; row += 1) {
    const value = values[row]!;
    const whole = Math.round(value * scale);
    wholes[row] = whole;
    if (whole / scale === value) {
      if (whole < low) low = whole;
      if (whole > high) high = whole;
    } else if (!Number.isNaN(value)) return undefined;
  }
  const width = WIDTHS.find(({ none }) => high - low < none);
  if (!width || !Number.isSafeInteger(low) || !Number.isSafeInteger(high)) return undefined;
  const packed = new width.Packed(values.length);
  pack(packed, low, width.none);
  return { values: { kind: width.kind, base: low, scale }, bytes: new Uint8Array(packed.buffer) };
}

function pack(packed: Uint8Array | Uint16Array | Uint32Array, low: number, none: number): void {
  for (let row = 0; row < packed.length; row += 1) {
    const above = wholes[row]! - low;
    packed[row] = Number.isNaN(above) ? none : above;
  }
}

function doublesOf(values: Numbers): EncodedBytes {
  return { values: { kind: 'doubles', base: 0, scale: 1 }, bytes: new Uint8Array(Float64Array.from(values).buffer) };
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
