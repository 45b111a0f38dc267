import { SquallError } from '../../harness/errors.ts';
import { escaped } from '../../harness/input/visible.ts';
import type { TracePlan } from '../../harness/plan.ts';
import { type Random, seededRandom } from '../../harness/random.ts';
import { linesOf } from './lines.ts';
import { ANOTHER_TEXT, type BadCell, csvRows, ndjsonRows, type RawRow } from './rows.ts';

/** Recorded request. */
export interface TraceRow {
  /** From the first row of the trace; in a replay, on the run's timeline. */
  readonly atMs: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
}

/** Column names of a trace, and the unit of its numeric times. */
export type TraceShape = Pick<TracePlan, 'columns' | 'timeUnit'>;

/**
 * Rows of a trace, read lazily: CSV with a header line (Azure's public LLM traces) or one JSON object per line (Mooncake's).
 * @throws SquallError `BAD_TRACE`, which names file, line, column, what was expected and what was found; `TRACE_UNREADABLE`
 */
export function* readTrace(path: string, { columns, timeUnit }: TraceShape): Generator<TraceRow> {
  const bad: BadCell = (...cell) => badCell(path, ...cell);
  let originMs: number | undefined;
  let beforeMs = 0;
  for (const row of rawRows(path, columns, bad)) {
    const timeMs = timeOf(row, columns.time, timeUnit, bad);
    originMs ??= timeMs;
    const atMs = timeMs - originMs;
    if (atMs < beforeMs)
      throw bad(row.line, columns.time, 'a time no earlier than on the previous line', row.cell(columns.time));
    beforeMs = atMs;
    const tokens = (column: string) => countOf(row, column, bad);
    yield { atMs, promptTokens: tokens(columns.promptTokens), outputTokens: tokens(columns.outputTokens) };
  }
  if (originMs === undefined) throw badTrace(path, 'rows after the header', 'none');
}

/**
 * Requests of a replay: the rows inside the plan's cut, whose start becomes 0 ms, at its speed and with at least one token each way.
 * @param random decides the instants of rows that are spread within their second
 */
export function* replayTrace(plan: TracePlan, random: Random = seededRandom(0)): Generator<TraceRow> {
  const rows = readTrace(plan.file, plan);
  for (const row of plan.spread ? spreadWithinSecond(rows, plan.toMs, random) : rows) {
    if (row.atMs >= plan.toMs) return;
    if (row.atMs < plan.fromMs) continue;
    yield {
      atMs: (row.atMs - plan.fromMs) / plan.speed,
      promptTokens: Math.max(1, row.promptTokens),
      outputTokens: Math.max(1, row.outputTokens),
    };
  }
}

/** Rows of each second at ordered random instants in it, as of independent users, and before the end of the cut. */
function* spreadWithinSecond(rows: Iterable<TraceRow>, toMs: number, random: Random): Generator<TraceRow> {
  let second: TraceRow[] = [];
  const spread = function* () {
    const fromMs = second[0]?.atMs ?? 0;
    const own = random.stream(String(fromMs));
    const widthMs = Math.min(1000, Math.max(0, toMs - fromMs));
    const times = second.map(() => fromMs + own.next() * widthMs).sort((a, b) => a - b);
    for (const [nth, row] of second.entries()) yield { ...row, atMs: times[nth]! };
  };
  for (const row of rows) {
    if (second[0] && row.atMs !== second[0].atMs) {
      yield* spread();
      second = [];
    }
    second.push(row);
  }
  yield* spread();
}

/**
 * Whether a trace has one JSON object per line, judged by its first character; otherwise it is CSV.
 * @throws SquallError `BAD_TRACE` where it is neither, `TRACE_UNREADABLE`
 */
export function isJsonLines(path: string): boolean {
  for (const line of linesOf(path)) {
    const first = line.trimStart()[0];
    if (first === '[')
      throw badTrace(path, 'one JSON object per line', 'an array', `Convert it first: jq -c '.[]' ${path}`);
    if (first !== undefined) return first === '{';
  }
  throw badTrace(path, 'a header line and rows, or one JSON object per line', 'nothing');
}

function rawRows(path: string, columns: TraceShape['columns'], bad: BadCell): Generator<RawRow> {
  const lines = linesOf(path);
  return isJsonLines(path) ? ndjsonRows(lines, bad) : csvRows(lines, Object.values(columns), bad);
}

const DATE = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:?\d\d)?$/;

/** Dates without a zone are UTC; fractions of a second keep all their digits. */
function timeOf(row: RawRow, column: string, unit: 'ms' | 's', bad: BadCell): number {
  const found = row.cell(column);
  const text = String(found).trim();
  const [, day, time, fraction = '', zone = 'Z'] = DATE.exec(text) ?? [];
  const dateMs = day === undefined ? Number.NaN : Date.parse(`${day}T${time}${zone}`) + Number(`0${fraction}`) * 1000;
  if (Number.isFinite(dateMs)) return dateMs;
  const number = text === '' ? Number.NaN : Number(text);
  if (typeof found !== 'boolean' && Number.isFinite(number)) return unit === 's' ? number * 1000 : number;
  throw bad(row.line, column, 'a time: a number or a date such as "2024-05-10 00:00:01.5"', found);
}

function countOf(row: RawRow, column: string, bad: BadCell): number {
  const found = row.cell(column);
  const count = typeof found === 'number' || (typeof found === 'string' && found.trim() !== '') ? Number(found) : -1;
  if (Number.isInteger(count) && count >= 0 && count <= 10_000_000) return count;
  throw bad(row.line, column, 'a whole number of tokens from 0 to 10,000,000', found);
}

function badCell(path: string, line: number, column: string, expected: string, found: unknown): SquallError {
  const shown =
    found === undefined
      ? 'nothing'
      : found === ANOTHER_TEXT
        ? ANOTHER_TEXT.description!
        : JSON.stringify(found).slice(0, 100);
  const where = `${path}, line ${line}, column "${column}"`;
  return badTrace(where, expected, shown, 'Correct the line, or the column names in `load.trace.columns`.');
}

function badTrace(
  where: string,
  expected: string,
  found: string,
  next = 'Set `load.trace.file` to a file of recorded requests.',
): SquallError {
  return new SquallError('scenario', 'BAD_TRACE', escaped(`${where}: expected ${expected}, found ${found}`), { next });
}
