import { MAX_INT64, wrapInt64 } from './integers.ts';

/** A quantity of Kubernetes' API, such as `250m`, `1.5`, `2Gi` or `1e3`, in exact arithmetic. */
export interface Quantity {
  /** Thousandths, rounded away from 0, as 64 bits hold them. */
  readonly milli: bigint;
  /** -1, 0 or 1. A quantity below a thousandth has a sign too. */
  readonly sign: number;
  /** The nearest number that the controller computes with where it does not need an exact one. */
  readonly approximate: number;
}

const PATTERN = /^([+-]?)(\d*)(?:\.(\d*))?(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d{1,9}))?$/;
const DECIMAL = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];
const BINARY = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
/** Digits that always fit into 64 bits. */
const FAST_DIGITS = 18;
/** Powers of ten by which the controller multiplies at once: what overflows then wraps around. By others it becomes 0. */
const WRAPPING_SHIFTS = new Set([0, 1, 2, 3, 6, 9]);
/** Exponents beyond it mean nothing that a cluster has, and cost memory. */
const MAX_EXPONENT = 64;

/**
 * Parses a quantity; one without digits is 0, as in the API. Values beyond 64 bits of thousandths overflow as they do in the controller: they become 0 or wrap around.
 * @returns undefined unless the text is one
 */
export function parseQuantity(text: string): Quantity | undefined {
  const match = PATTERN.exec(text);
  if (!match || text === '') return undefined;
  const [, minus, whole = '', fraction = '', suffix = '', exponent = ''] = match;
  const negate = (value: bigint) => (minus === '-' ? -value : value);
  const digits = whole.replace(/^0+/, '') + fraction;
  const mantissa = BigInt(digits || 0);
  const binary = suffix.endsWith('i') ? 10 * BINARY.indexOf(suffix) : 0;
  const power = exponent === '' ? (binary > 0 ? 0 : 3 * (DECIMAL.indexOf(suffix) - 3)) : Number(exponent);
  if (Math.abs(power) > MAX_EXPONENT) return undefined;
  const scale = power - fraction.length;
  // Two representations of one quantity differ only in how they overflow.
  const isFast =
    binary > 0
      ? fraction === '' && 14 - digits.length - Math.floor(binary * 0.3) >= 0
      : digits.length <= FAST_DIGITS && scale >= -9;
  const shifted = mantissa << BigInt(binary);
  // With a binary suffix the largest integer is the limit.
  const isHuge = binary > 0 && scaled(shifted, scale) > MAX_INT64;
  const unscaled = isHuge ? MAX_INT64 * 10n ** BigInt(fraction.length) : shifted;
  const exact = scaled(unscaled, scale + 3);
  const isLost = isFast && exact > MAX_INT64 && !WRAPPING_SHIFTS.has(scale + 3);
  const milli = isLost ? 0n : wrapInt64(exact);
  return {
    milli: negate(milli),
    sign: mantissa === 0n ? 0 : minus === '-' ? -1 : 1,
    approximate: near(negate(unscaled), scale),
  };
}

/** `value` times a power of ten, rounded away from 0. */
function scaled(value: bigint, power: number): bigint {
  if (power >= 0) return value * 10n ** BigInt(power);
  const divisor = 10n ** BigInt(-power);
  return (value + divisor - 1n) / divisor;
}

/** The number nearest to the canonical form, whose mantissa is the smallest whole one to a power of 1,000. */
function near(unscaled: bigint, scale: number): number {
  const shift = ((scale % 3) + 3) % 3;
  let mantissa = unscaled * 10n ** BigInt(shift);
  let power = scale - shift;
  while (mantissa !== 0n && mantissa % 1000n === 0n) {
    mantissa /= 1000n;
    power += 3;
  }
  return Number(mantissa) * Number(`1e${power}`);
}

/**
 * Text of thousandths in the canonical form: without fraction, with the largest suffix.
 * @param isBinary whether multiples of 1,024 have a suffix such as `Mi`, as memory has
 */
export function formatMilli(milli: bigint, isBinary = false): string {
  if (milli === 0n) return '0';
  const magnitude = milli < 0n ? -milli : milli;
  const useBinary = isBinary && milli % 1_024_000n === 0n && magnitude >= 1_024_000n;
  const [factor, suffixes] = useBinary ? [1024n, BINARY] : [1000n, DECIMAL.slice(2)];
  let value = useBinary ? milli / 1000n : milli;
  let index = 0;
  while (value % factor === 0n && index < suffixes.length - 1) {
    value /= factor;
    index += 1;
  }
  return `${value}${suffixes[index]}`;
}
