import { type Content, missing } from './html.ts';

const SIZES = ['B', 'kB', 'MB', 'GB', 'TB'];

/**
 * Value with its unit, three significant digits, scaled to a suitable unit; the only place that formats numbers. Known units are
 * `ms`, `s`, `ratio` (0–1, shown in percent), `%`, `/s`, `B`, and the empty one for counts, which are never rounded; any other unit
 * follows the number unchanged.
 */
export function quantity(value: number, unit: string): string {
  if (!Number.isFinite(value)) return value < 0 ? '−∞' : '∞';
  if (unit === 'ms') return duration(value);
  if (unit === 's') return duration(value * 1000);
  if (unit === 'ratio') return percent(value * 100);
  if (unit === '%') return percent(value);
  if (unit === '/s') return `${significant(value)}/s`;
  if (unit === 'B') return size(value);
  return unit === '' ? significant(value) : `${significant(value)}\u00a0${unit}`;
}

/** {@link quantity}, or a dash that explains why there is no value. */
export function quantityOr(value: number | null, unit: string, why: string): Content {
  return value === null ? missing(why) : quantity(value, unit);
}

/** Instant on the run's timeline in seconds, `12.4 s`; with fixed decimals, so that columns align. */
export function instant(atMs: number, digits = 1): string {
  return `${sign((atMs / 1000).toFixed(digits))}\u00a0s`;
}

/** Part of a whole in percent; null for a whole of 0. */
export function percentage(part: number, whole: number): string | null {
  return whole === 0 ? null : percent((part / whole) * 100);
}

function duration(durationMs: number): string {
  const size = Math.abs(durationMs);
  if (size < 999.5) return `${significant(durationMs)}\u00a0ms`;
  if (size < 119_500) return `${significant(durationMs / 1000)}\u00a0s`;
  const [unitMs, unit, restMs, rest] = size < 7_170_000 ? [60_000, 'min', 1000, 's'] : [3_600_000, 'h', 60_000, 'min'];
  const total = Math.round(size / restMs) * restMs;
  const whole = Math.floor(total / unitMs);
  const remainder = Math.round((total - whole * unitMs) / restMs);
  return `${durationMs < 0 ? '−' : ''}${whole}\u00a0${unit}${remainder === 0 ? '' : `\u00a0${remainder}\u00a0${rest}`}`;
}

function percent(value: number): string {
  // Close to 100 % the distance to it matters: 99.953 % must not become 100 %.
  const distance = Math.abs(100 - value);
  const near = distance > 0 && distance < 1 ? value.toFixed(Math.min(6, 2 - Math.floor(Math.log10(distance)))) : null;
  return `${near === null ? significant(value) : Number(near)}%`;
}

function size(bytes: number): string {
  const power = Math.min(SIZES.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, Math.abs(bytes))) / 3)));
  return `${significant(bytes / 1000 ** power)}\u00a0${SIZES[power]}`;
}

function significant(value: number): string {
  const rounded = Number.isInteger(value) ? value : Number(value.toPrecision(Math.abs(value) >= 1000 ? 4 : 3));
  const [whole = '', fraction] = String(rounded).split('.');
  if (whole.includes('e') || fraction?.includes('e')) return sign(String(rounded));
  return sign(whole.replace(/\B(?=(\d{3})+$)/g, ',') + (fraction === undefined ? '' : `.${fraction}`));
}

function sign(text: string): string {
  return /^-[0.]*$/.test(text) ? text.slice(1) : text.replace('-', '−');
}
