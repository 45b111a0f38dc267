import { styleText } from 'node:util';
import { formatMs } from '../../harness/quantity.ts';
import type { RenderInput, RunDocument, Verdict, WindowResult } from '../store/run-document.ts';
import { firstOf, formatErrors, formatInterval, formatOptionalCounts, formatValue, MARKS, oneLine } from './cells.ts';

/** How {@link renderTerminal} draws. */
export interface TerminalOptions {
  /** Whether escape sequences may be used; the caller knows its stream. @default false */
  readonly colour?: boolean;
  /** Longest line in characters, at least 20: tables are cut there, sentences wrapped. @default unbounded */
  readonly columns?: number;
}

type Style = Parameters<typeof styleText>[0];
type Paint = (style: Style, text: string) => string;
const STYLES: Readonly<Record<Verdict, Style>> = {
  pass: 'green',
  fail: 'red',
  inconclusive: 'yellow',
  invalid: 'magenta',
};

/** The summary that ends a run on a terminal. No line but the replay command is longer than `columns`; nothing in it can move the cursor. */
export function renderTerminal(
  { document, plan }: RenderInput,
  { colour = false, columns = Number.POSITIVE_INFINITY }: TerminalOptions = {},
): string {
  const paint: Paint = (style, text) => (colour ? styleText(style, text, { validateStream: false }) : text);
  const cut = (text: string) => shorten(oneLine(text), Math.max(20, columns));
  const { verdict, scenario, durationMs, load } = document;
  const title = cut(
    `${MARKS[verdict]} ${verdict.toUpperCase()}  ${scenario}  (${formatMs(durationMs)}, seed ${document.seed})`,
  );
  const lines = [
    paint(['bold', STYLES[verdict]].flat() as Style, title),
    ...document.reasons.flatMap(reason => wrap(oneLine(reason), Math.max(20, columns), '  ')),
    '',
    ...sloLines(document, paint, cut),
    '',
    ...windowLines(document.windows, firstOf(plan)).map(line => cut(`  ${line}`)),
    '',
    ...document.faults.map(fault => {
      const act = fault.bitAtMs === null ? 'never seen to act' : `acted at ${formatMs(fault.bitAtMs)}`;
      const heal = fault.healedAtMs === null ? 'not seen to heal' : `healed at ${formatMs(fault.healedAtMs)}`;
      return cut(`  fault ${fault.id} (${fault.kind} on ${fault.target}): ${act}, ${heal}`);
    }),
    cut(
      `  load ${load.offered} offered, ${load.completed} completed, ${load.failed} failed, ${load.dropped} dropped${formatOptionalCounts(load)}`,
    ),
    // The one line that is never cut: it is there to be copied.
    paint('dim', `  replay: ${oneLine(document.replay)}`),
  ];
  return `${lines.filter((line, i) => line !== '' || lines[i - 1] !== '').join('\n')}\n`;
}

function sloLines(document: RunDocument, paint: Paint, cut: (text: string) => string): string[] {
  return document.slos.flatMap(slo => {
    const head = cut(`  ${MARKS[slo.verdict]} ${slo.name}`);
    const value = `${formatValue(slo.measured, slo.unit)} [${formatInterval(slo)}] of ${slo.samples}`;
    return [paint(STYLES[slo.verdict], head), cut(`      ${slo.window}: ${slo.objective} | ${value}`)];
  });
}

function windowLines(windows: readonly WindowResult[], first: 'token' | 'byte'): string[] {
  const name = first === 'token' ? 'TTFT' : 'TTFB';
  const head = ['window', 'requests', 'failed', `${name} p50`, `${name} p99`, 'latency p99', ''];
  const rows = windows.map(window => [
    window.name,
    String(window.requests),
    String(window.failed),
    formatValue(window.ttftMs.p50, 'ms'),
    formatValue(window.ttftMs.p99, 'ms'),
    formatValue(window.latencyMs.p99, 'ms'),
    formatErrors(window),
  ]);
  const table = rows.length > 0 ? [head, ...rows] : [];
  const widths = head.map((_, column) => Math.max(...table.map(row => row[column]!.length)));
  return table.map(row =>
    row
      .map((cell, column) =>
        column === 0 || column === head.length - 1 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
      )
      .join('  ')
      .trimEnd(),
  );
}

/** Breaks a sentence at spaces into indented lines of at most `columns` characters; a longer word is cut. */
function wrap(text: string, columns: number, indent: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(/ +/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= columns) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(shorten(`${indent}${lines.length > 0 ? '  ' : ''}${word}`, columns));
  }
  return lines;
}

/** At most `length` characters; a cut is marked with an ellipsis. */
function shorten(text: string, length: number): string {
  const characters = [...text];
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join('')}…`;
}
