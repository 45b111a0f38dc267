import { SquallError } from './errors.ts';

const DURATION_UNITS_MS: Readonly<Record<string, number>> = {
  us: 0.001,
  µs: 0.001,
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
};
const RATE_UNITS_PER_SECOND: Readonly<Record<string, number>> = { s: 1, m: 1 / 60, min: 1 / 60, h: 1 / 3600 };

/** Format of a duration, as it follows "expected" in a message. */
export const DURATION_WORDS = 'a duration such as "10s", "250ms" or "1m30s" (units: us, ms, s, m or min, h)';
/** Format of a rate, likewise. */
export const RATE_WORDS = 'a rate of 0 or more such as "20/s" or "1000/min" (units: /s, /m or /min, /h)';

/** Format of a size, likewise. */
export const SIZE_WORDS = 'a size such as "16KB" or "100B" (units: B, KB, MB of 1,000; KiB, MiB of 1,024)';
/** Format of a data rate, likewise. */
export const DATA_RATE_WORDS = 'a data rate such as "50KB/s" or "1.5MB/s" (units: KB/s, MB/s)';

const SIZE_UNITS_BYTES: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1000,
  kB: 1000,
  MB: 1_000_000,
  KiB: 1024,
  MiB: 1_048_576,
};

/**
 * Maximum duration (ms) of a wait: 24 days. A Node.js timer set for more than 2³¹ − 1 ms fires at once; that limit is 20 hours
 * higher, which leaves room for what a wait adds.
 */
export const MAX_WAIT_MS = 576 * 3_600_000;

/**
 * Parses `10s`, `1.5 s`, `800 ms`, `2m`, `1h`, `1m30s` to milliseconds, never negative.
 * @param maxMs infinite where no timer is set. @default {@link MAX_WAIT_MS}
 * @throws SquallError `BAD_DURATION` that names `field`
 */
export function parseDurationMs(text: string, field: string, maxMs: number = MAX_WAIT_MS): number {
  const sumMs = durationMs(text);
  if (sumMs === undefined) throw badQuantity('BAD_DURATION', field, DURATION_WORDS, text);
  if (sumMs > maxMs)
    throw badQuantity('BAD_DURATION', field, `at most ${maxMs / 3_600_000}h, the limit of a timer`, text);
  return sumMs;
}

/** Milliseconds of `10s`, `1.5 s` or `1m30s`: counts in descending order of units, each at most once; undefined for any other text. */
export function durationMs(text: string): number | undefined {
  if (!/^\s*(?:\d+(?:\.\d+)?\s*[a-zµ]+\s*)+$/.test(text)) return undefined;
  let [sum, unitBeforeMs] = [0, Number.POSITIVE_INFINITY];
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)\s*([a-zµ]+)/g)) {
    const unitMs = Object.hasOwn(DURATION_UNITS_MS, unit!) ? DURATION_UNITS_MS[unit!]! : unitBeforeMs;
    if (unitMs >= unitBeforeMs) return undefined;
    sum += Number(count) * unitMs;
    unitBeforeMs = unitMs;
  }
  return sum;
}

/**
 * Parses `20/s`, `1000/min` to arrivals per second, never negative.
 * @throws SquallError `BAD_RATE` that names `field`
 */
export function parseRatePerSecond(text: string, field: string): number {
  const perSecond = ratePerSecond(text);
  if (perSecond === undefined) throw badQuantity('BAD_RATE', field, RATE_WORDS, text);
  return perSecond;
}

/** Rate per second of `20/s` or `1000/min`; undefined for any other text. */
export function ratePerSecond(text: string): number | undefined {
  const [, count, unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*\/\s*([a-z]+)\s*$/.exec(text) ?? [];
  return Object.hasOwn(RATE_UNITS_PER_SECOND, unit) ? Number(count) * RATE_UNITS_PER_SECOND[unit]! : undefined;
}

/** Bytes of `16KB`, `1.5 MB` or `100B`; undefined for any other text. */
export function sizeBytes(text: string): number | undefined {
  const [, count, unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*$/.exec(text) ?? [];
  // A whole number of bytes, whatever the fraction is as a binary one.
  return Object.hasOwn(SIZE_UNITS_BYTES, unit)
    ? Number((Number(count) * SIZE_UNITS_BYTES[unit]!).toPrecision(15))
    : undefined;
}

/** KB/s (1,000 bytes) of `50KB/s` or `1.5 MB/s`; undefined for any other text. */
export function dataRateKBps(text: string): number | undefined {
  const [, size] = /^(.*)\/\s*s\s*$/.exec(text) ?? [];
  const bytes = size === undefined ? undefined : sizeBytes(size);
  return bytes === undefined ? undefined : bytes / 1000;
}

/** Formats bytes exactly, as {@link sizeBytes} parses them: `16000` → `16KB`. */
export function formatSize(bytes: number): string {
  const [unit, of] = (
    [
      ['MB', 1_000_000],
      ['KB', 1000],
    ] as const
  ).find(([, of]) => bytes >= of && bytes % of === 0) ?? ['B', 1];
  return `${bytes / of}${unit}`;
}

function badQuantity(code: string, field: string, expected: string, found: string): SquallError {
  return new SquallError('scenario', code, `Expected \`${field}\` to be ${expected}, got ${JSON.stringify(found)}`, {
    next: `Correct \`${field}\`${field.startsWith('--') ? '' : ' in the scenario'}.`,
  });
}

/** Formats a duration exactly, as {@link durationMs} parses it: `90000` → `90s`, `86400000` → `24h`. */
export function formatDuration(ms: number): string {
  const [unit, unitMs] = (
    [
      ['h', 3_600_000],
      ['m', 60_000],
      ['s', 1000],
    ] as const
  ).find(([, of]) => ms >= of && ms % of === 0) ?? ['ms', 1];
  return `${ms / unitMs}${unit}`;
}

/** Formats a duration with three significant digits: `1234.5` → `1.23 s`, `0.8` → `0.8 ms`. */
export function formatMs(durationMs: number): string {
  if (!Number.isFinite(durationMs)) return '∞';
  const [value, unit] = Math.abs(durationMs) >= 1000 ? [durationMs / 1000, 's'] : [durationMs, 'ms'];
  return `${Number(value.toPrecision(3))} ${unit}`;
}

/** Formats a duration as people tell it: `45 s`, `3 min`, `2 h 10 min`. */
export function formatSpan(durationMs: number): string {
  const seconds = Math.round(durationMs / 1000);
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
