import type { RunPlan } from '../../harness/plan.ts';
import { formatMs } from '../../harness/quantity.ts';
import type { RunDocument, SloResult, Verdict, WindowResult } from '../store/run-document.ts';

/** Value with its unit, three significant digits: `412 ms`, `0.98%`, `19.8/s`; a dash for null. */
export function formatValue(value: number | null, unit: string): string {
  if (value === null) return '–';
  if (unit === 'ms') return formatMs(value);
  return `${Number(value.toPrecision(unit === '%' && value > 99 ? 5 : 3))}${unit}`;
}

/** Confidence interval of an SLO; `∞` where no finite bound exists, a dash where nothing was measured. */
export function formatInterval({ confidence: { lower, upper }, measured, unit }: SloResult): string {
  if (measured === null) return '–';
  return `${lower === null ? '−∞' : formatValue(lower, unit)} … ${upper === null ? '∞' : formatValue(upper, unit)}`;
}

/** Failures of a window by kind, most frequent first: `reset 7, http-503 2`; empty for none. */
export function formatErrors({ errors }: WindowResult): string {
  const kinds = Object.entries(errors).sort(([, a], [, b]) => b - a);
  return kinds.map(([kind, count]) => `${kind} ${count}`).join(', ');
}

/** Counts that only some runs have, `, 12 abandoned, 640 attempts`; empty for others. */
export function formatOptionalCounts({ abandoned, attempts }: RunDocument['load']): string {
  const given = [
    abandoned === undefined ? '' : `, ${abandoned} abandoned`,
    attempts === undefined ? '' : `, ${attempts} attempts`,
  ];
  return given.join('');
}

/** Symbol of each verdict, distinct without colour. */
export const MARKS: Readonly<Record<Verdict, string>> = { pass: '✓', fail: '✗', inconclusive: '?', invalid: '!' };

/** Text on one line: control characters, which include line breaks and escape sequences, become spaces. */
export function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to remove
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');
}

/** First unit of a response: plain HTTP has no tokens. */
export function firstUnit({ load }: Pick<RunPlan, 'load'>): 'token' | 'byte' {
  return load.workload.kind === 'http' ? 'byte' : 'token';
}

/** Id and text of a requirement in a plan's `covers`; the text may be empty. */
export function requirementOf(entry: string): { readonly id: string; readonly text: string } {
  const [id = '', ...words] = entry.trim().split(/\s+/);
  return { id, text: words.join(' ') };
}
