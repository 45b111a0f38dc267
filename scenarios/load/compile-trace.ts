import { pathFrom } from '../../harness/input/files.ts';
import type { TracePlan } from '../../harness/plan.ts';
import { hashFile, requireSameFile } from '../../load/trace/lines.ts';
import { isJsonLines, readTrace } from '../../load/trace/trace.ts';
import { badScenario } from '../bad-scenario.ts';
import type { ResolvedLoad } from './schema.ts';

/** A trace that has been read once. */
export interface CompiledTrace {
  readonly plan: TracePlan;
  /** Number of rows between `fromMs` and `toMs` of the plan. */
  readonly rows: number;
  /** Duration of the replay. */
  readonly forMs: number;
}

/** Columns of Azure's public LLM inference traces. */
const AZURE = { time: 'TIMESTAMP', promptTokens: 'ContextTokens', outputTokens: 'GeneratedTokens' };
/** Keys of Mooncake's traces; their timestamps are milliseconds. */
const MOONCAKE = { time: 'timestamp', promptTokens: 'input_length', outputTokens: 'output_length' };

/** Rows of one instant from which a trace in whole seconds arrives in lumps that its users never made. */
const MIN_LUMP = 2;

/**
 * Reads a trace, so that errors in it surface before anything starts.
 * @param folder base of relative paths
 * @throws SquallError `BAD_TRACE`, `TRACE_UNREADABLE`, `TRACE_CHANGED`, or `BAD_SCENARIO` that names the field
 */
export function compileTrace(trace: NonNullable<ResolvedLoad['trace']>, folder: string): CompiledTrace {
  const file = pathFrom(trace.file, folder);
  const sha256 = trace.sha256 ?? hashFile(file);
  if (trace.sha256 !== undefined) requireSameFile({ file, sha256 }, 'trace');
  const isJson = isJsonLines(file);
  const defaults = isJson ? MOONCAKE : AZURE;
  const { time = defaults.time, promptTokens = defaults.promptTokens } = trace.columns ?? {};
  const columns = { time, promptTokens, outputTokens: trace.columns?.outputTokens ?? defaults.outputTokens };
  const timeUnit = trace.timeUnit ?? (isJson ? 'ms' : 's');
  const { speed, from: fromMs, for: cutMs = Number.POSITIVE_INFINITY } = trace;
  let rows = 0;
  let lastMs = 0;
  let instants = 0;
  let isWhole = true;
  for (const { atMs } of readTrace(file, { columns, timeUnit })) {
    if (atMs >= fromMs + cutMs) break;
    isWhole &&= atMs % 1000 === 0;
    if (atMs >= fromMs && (rows === 0 || atMs !== lastMs)) instants += 1;
    lastMs = atMs;
    if (atMs >= fromMs) rows += 1;
  }
  if (rows === 0)
    throw badScenario(
      'load.trace',
      `a trace with a row between \`from\` and its end (the last row before the end is at ${lastMs / 1000} s)`,
      trace,
    );
  // `toMs` is exclusive, so it lies after the last row.
  if (trace.spread && !isWhole) {
    const expected = 'left out, since its times are finer than whole seconds';
    throw badScenario('load.trace.spread', expected, trace.spread);
  }
  const toMs = trace.for === undefined ? Math.ceil(lastMs + (trace.spread ? 1000 : 1)) : fromMs + cutMs;
  const rowsAtOnce = rows / instants;
  const plan: TracePlan = {
    ...{ file, sha256, columns, timeUnit, fromMs, toMs, speed },
    ...(trace.spread && { spread: trace.spread }),
    ...(isWhole && !trace.spread && rowsAtOnce >= MIN_LUMP && { rowsAtOnce }),
  };
  return { plan, rows, forMs: (toMs - fromMs) / speed };
}
