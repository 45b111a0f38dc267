import { styleText } from 'node:util';
import { formatMs } from '../../harness/quantity.ts';
import type { RenderInput, RunDocument, Verdict, WindowResult } from '../store/run-document.ts';
import {
  FAILURES_TITLE,
  failureNotes,
  firstUnit,
  formatCapacity,
  formatCost,
  formatErrors,
  formatInterval,
  formatLate,
  formatMeasured,
  formatOptionalCounts,
  formatReaction,
  formatRunDuration,
  formatValue,
  MARKS,
  oneLine,
  virtualNote,
  warningLines,
} from './cells.ts';

/** Options of {@link renderTerminal}. */
export interface TerminalOptions {
  /** Whether to use escape sequences. @default false */
  readonly colour?: boolean;
  /** Maximum length of a line in characters, at least 20: tables are truncated, sentences wrapped. @default unlimited */
  readonly columns?: number;
  /** Time that a run in virtual time took on the machine's clock, in ms. @default unknown */
  readonly wallMs?: number | undefined;
}

type Style = Parameters<typeof styleText>[0];
type Paint = (style: Style, text: string) => string;
const STYLES: Readonly<Record<Verdict, Style>> = {
  pass: 'green',
  fail: 'red',
  inconclusive: 'yellow',
  invalid: 'magenta',
};

/** Summary of a run for a terminal. No line except the replay command exceeds `columns`; no text of the run can move the cursor. */
export function renderTerminal(
  { document, plan }: RenderInput,
  { colour = false, columns = Number.POSITIVE_INFINITY, wallMs }: TerminalOptions = {},
): string {
  const paint: Paint = (style, text) => (colour ? styleText(style, text, { validateStream: false }) : text);
  const cut = (text: string) => shorten(oneLine(text), Math.max(20, columns));
  const { verdict, scenario, load } = document;
  const took = document.platform === 'virtual' && wallMs !== undefined ? ` in ${formatMs(wallMs)}` : '';
  const title = cut(
    `${MARKS[verdict]} ${verdict.toUpperCase()}  ${scenario}  (${formatRunDuration(document)}${took}, seed ${document.seed})`,
  );
  const note = virtualNote(document);
  const lines = [
    paint(['bold', STYLES[verdict]].flat() as Style, title),
    ...(note === undefined ? [] : wrap(note, Math.max(20, columns), '  ').map(line => paint('yellow', line))),
    ...document.reasons.flatMap(reason => wrap(oneLine(reason), Math.max(20, columns), '  ')),
    '',
    ...sloLines(document, paint, cut),
    '',
    ...windowLines(document.windows, firstUnit(plan)).map(line => cut(`  ${line}`)),
    '',
    ...document.faults.map(fault => {
      const effect =
        fault.effectiveAtMs === null ? 'no observable effect' : `took effect at ${formatMs(fault.effectiveAtMs)}`;
      const recovery =
        fault.healedAtMs === null ? 'recovery not observed' : `recovered at ${formatMs(fault.healedAtMs)}`;
      const course = fault.injectedAtMs === null ? 'not injected' : `${effect}, ${recovery}`;
      return cut(`  fault ${fault.id} (${fault.kind} on ${fault.target}): ${course}`);
    }),
    ...(document.scaling ?? []).map(one => cut(`  scaling after ${one.trigger}: ${formatReaction(one)}`)),
    ...(document.cost ? [cut(`  cost ${formatCost(document.cost)}`)] : []),
    cut(
      `  load ${load.offered} offered${formatLate(document)}, ${load.completed} completed, ${load.failed} failed, ${load.dropped} dropped${formatOptionalCounts(load)}`,
    ),
    ...(document.capacity ? [cut(`  capacity ${formatCapacity(document.capacity)}`)] : []),
    '',
    ...noteLines(document, Math.max(20, columns), paint),
    '',
    // Never truncated, since it is there to be copied.
    paint('dim', `  replay: ${oneLine(document.replay)}`),
  ];
  return `${lines.filter((line, i) => line !== '' || lines[i - 1] !== '').join('\n')}\n`;
}

function noteLines(document: RunDocument, columns: number, paint: Paint): string[] {
  const failures = failureNotes(document).flatMap(({ text, count }) => wrap(`${text} (×${count})`, columns, '    '));
  const warnings = warningLines(document).flatMap(line => wrap(`warning: ${line}`, columns, '  '));
  return [
    ...(failures.length > 0 ? [shorten(`  ${FAILURES_TITLE}:`, columns), ...failures] : []),
    ...warnings.map(line => paint('yellow', line)),
  ];
}

function sloLines(document: RunDocument, paint: Paint, cut: (text: string) => string): string[] {
  return document.slos.flatMap(slo => {
    const head = cut(`  ${MARKS[slo.verdict]} ${slo.name}`);
    const value = `${formatMeasured(slo)} [${formatInterval(slo)}], n = ${slo.samples}`;
    return [paint(STYLES[slo.verdict], head), cut(`      ${slo.window}: ${slo.objective} | ${value}`)];
  });
}

function windowLines(windows: readonly WindowResult[], first: 'token' | 'byte'): string[] {
  const name = first === 'token' ? 'TTFT' : 'TTFB';
  const lacks = windows.some(({ without }) => without.ttft > 0);
  const head = [
    ...['window', 'requests', 'failed', `${name} P50`, `${name} P99`],
    ...(lacks ? [`without ${name}`] : []),
    ...['latency P99', ''],
  ];
  const rows = windows.map(window => [
    window.name,
    String(window.requests),
    String(window.failed),
    formatValue(window.ttftMs.p50, 'ms'),
    formatValue(window.ttftMs.p99, 'ms'),
    ...(lacks ? [String(window.without.ttft)] : []),
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

/** Wraps a sentence at spaces into indented lines of at most `columns` characters; a longer word is truncated. */
function wrap(text: string, columns: number, indent: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(/ +/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= columns) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(shorten(`${indent}${lines.length > 0 ? '  ' : ''}${word}`, columns));
  }
  return lines;
}

/** Truncates text to `length` characters, with an ellipsis. */
export function shorten(text: string, length: number): string {
  const characters = [...text];
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join('')}…`;
}
