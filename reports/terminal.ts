import { styleText } from 'node:util';
import { formatMs } from '../harness/quantity.ts';
import { formatErrors, formatInterval, formatValue, MARKS, oneLine } from './cells.ts';
import type { RenderInput, RunDocument, Verdict, WindowResult } from './run-document.ts';

/** How {@link renderTerminal} draws. */
export interface TerminalOptions {
  /** Whether escape sequences may be used; the caller knows its stream. @default false */
  readonly colour?: boolean;
  /** Longest line in characters, at least 20. @default 80 */
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
  { document }: RenderInput,
  { colour = false, columns = 80 }: TerminalOptions = {},
): string {
  const paint: Paint = (style, text) => (colour ? styleText(style, text, { validateStream: false }) : text);
  const cut = (text: string) => shorten(oneLine(text), Math.max(20, columns));
  const { verdict, scenario, durationMs, load } = document;
  const title = cut(
    `${MARKS[verdict]} ${verdict.toUpperCase()}  ${scenario}  (${formatMs(durationMs)}, seed ${document.seed})`,
  );
  const lines = [
    paint(['bold', STYLES[verdict]].flat() as Style, title),
    ...document.reasons.map(reason => cut(`  ${reason}`)),
    '',
    ...sloLines(document, paint, cut),
    '',
    ...document.windows.map(window => cut(`  ${windowLine(window)}`)),
    '',
    ...document.faults.map(fault => {
      const act = fault.bitAtMs === null ? 'never seen to act' : `acted at ${formatMs(fault.bitAtMs)}`;
      const heal = fault.healedAtMs === null ? 'not seen to heal' : `healed at ${formatMs(fault.healedAtMs)}`;
      return cut(`  fault ${fault.id} (${fault.kind} on ${fault.target}): ${act}, ${heal}`);
    }),
    cut(`  load ${load.offered} offered, ${load.completed} completed, ${load.failed} failed, ${load.dropped} dropped`),
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

function windowLine(window: WindowResult): string {
  const p99 = window.ttftMs.p99 === null ? '–' : formatMs(window.ttftMs.p99);
  const errors = formatErrors(window);
  return `${window.name}: ${window.requests} requests, ${window.failed} failed, TTFT p99 ${p99}${errors ? ` (${errors})` : ''}`;
}

/** At most `length` characters; a cut is marked with an ellipsis. */
function shorten(text: string, length: number): string {
  const characters = [...text];
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join('')}…`;
}
