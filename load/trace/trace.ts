import { SquallError } from '../../harness/errors.ts';
import type { TracePlan } from '../../harness/plan.ts';
import { csvRows } from './csv.ts';
import { hashFile, linesOf } from './lines.ts';
import { ndjsonRows } from './ndjson.ts';
import type { RawRow, TraceSource } from './row.ts';

/** One recorded request. */
export interface TraceRow {
  /** In the trace's own time, from its first row on; in a replay on the run's time line. */
  readonly atMs: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
}

/** How a trace's columns are called, and what its plain numbers mean. */
export type TraceShape = Pick<TracePlan, 'columns' | 'timeUnit'>;

/**
 * The rows of a trace in its own time, one after the other and never all at once: CSV with a header line (Azure's public LLM
 * traces), or one JSON object a line (Mooncake's). The first character tells which.
 * @throws SquallError `BAD_TRACE`, which names file, line, column, what was expected and what was found; `TRACE_UNREADABLE`
 */
export function* readTrace(path: string, { columns, timeUnit }: TraceShape): Generator<TraceRow> {
  const source: TraceSource = {
    path,
    bad: (line, column, expected, found) => bad(path, line, column, expected, found),
  };
  let originMs: number | undefined;
  let beforeMs = 0;
  for (const row of rawRows(path, columns, source)) {
    const timeMs = timeOf(row, columns.time, timeUnit, source);
    originMs ??= timeMs;
    const atMs = timeMs - originMs;
    if (atMs < beforeMs)
      throw source.bad(
        row.line,
        columns.time,
        'a time no earlier than that of the line before',
        row.cell(columns.time),
      );
    beforeMs = atMs;
    const tokens = (column: string) => countOf(row, column, source);
    yield { atMs, promptTokens: tokens(columns.promptTokens), outputTokens: tokens(columns.outputTokens) };
  }
  if (originMs === undefined) throw badTrace(path, 'rows after the header', 'none');
}

/**
 * The requests of a replay: the rows inside the plan's cut, the cut's beginning at 0 ms, sped up. At least one token each way,
 * for that is the least that can be asked for.
 */
export function* replayTrace(plan: TracePlan): Generator<TraceRow> {
  for (const row of readTrace(plan.file, plan)) {
    if (row.atMs >= plan.toMs) return;
    if (row.atMs < plan.fromMs) continue;
    yield {
      atMs: (row.atMs - plan.fromMs) / plan.speed,
      promptTokens: Math.max(1, row.promptTokens),
      outputTokens: Math.max(1, row.outputTokens),
    };
  }
}

/**
 * Makes sure that a trace is what it was when it was planned.
 * @throws SquallError `TRACE_CHANGED`
 */
export function requireSameTrace(file: string, sha256: string): void {
  const found = hashFile(file);
  if (found === sha256) return;
  throw new SquallError(
    'scenario',
    'TRACE_CHANGED',
    `Expected ${file} to have the SHA-256 ${sha256}, got ${found}: it is not the trace that was planned with`,
    { next: 'Bring the recorded file back, or give up `load.trace.sha256` to replay the one that is there.' },
  );
}

/**
 * Whether a trace is one JSON object a line; otherwise it is CSV. Its first character tells.
 * @throws SquallError `BAD_TRACE` where it is neither, `TRACE_UNREADABLE`
 */
export function isJsonLines(path: string): boolean {
  for (const line of linesOf(path)) {
    const first = line.trimStart()[0];
    if (first === '[')
      throw badTrace(path, 'one JSON object a line', 'an array', `Convert it first: jq -c '.[]' ${path}`);
    if (first !== undefined) return first === '{';
  }
  throw badTrace(path, 'a header line and rows, or one JSON object a line', 'nothing');
}

function rawRows(path: string, columns: TraceShape['columns'], source: TraceSource): Generator<RawRow> {
  const lines = linesOf(path);
  return isJsonLines(path) ? ndjsonRows(lines, source) : csvRows(lines, Object.values(columns), source);
}

const DATE = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:?\d\d)?$/;

/** Dates are UTC where they do not say; fractions of a second keep all their digits. */
function timeOf(row: RawRow, column: string, unit: 'ms' | 's', source: TraceSource): number {
  const found = row.cell(column);
  const text = String(found).trim();
  const [, day, time, fraction = '', zone = 'Z'] = DATE.exec(text) ?? [];
  const dateMs = day === undefined ? Number.NaN : Date.parse(`${day}T${time}${zone}`) + Number(`0${fraction}`) * 1000;
  if (Number.isFinite(dateMs)) return dateMs;
  const number = text === '' ? Number.NaN : Number(text);
  if (typeof found !== 'boolean' && Number.isFinite(number)) return unit === 's' ? number * 1000 : number;
  throw source.bad(row.line, column, 'a time: a number or a date such as "2024-05-10 00:00:01.5"', found);
}

function countOf(row: RawRow, column: string, source: TraceSource): number {
  const found = row.cell(column);
  const count = typeof found === 'number' || (typeof found === 'string' && found.trim() !== '') ? Number(found) : -1;
  if (Number.isInteger(count) && count >= 0 && count <= 10_000_000) return count;
  throw source.bad(row.line, column, 'a whole number of tokens from 0 to 10,000,000', found);
}

function bad(path: string, line: number, column: string, expected: string, found: unknown): SquallError {
  const shown = found === undefined ? 'nothing' : JSON.stringify(found).slice(0, 100);
  const where = `${path}, line ${line}, column "${column}"`;
  return badTrace(where, expected, shown, 'Correct the line, or name the right columns under `load.trace.columns`.');
}

/** Control characters are shown as `\u001b` and the like: a terminal would obey those that a file holds. */
function badTrace(
  where: string,
  expected: string,
  found: string,
  next = 'Name a file that holds recorded requests under `load.trace.file`.',
): SquallError {
  const message = `${where}: expected ${expected}, found ${found}`;
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return new SquallError('scenario', 'BAD_TRACE', message.replace(/\p{Cc}/gu, escaped), { next });
}
