import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readBytes } from '../../harness/input/files.ts';
import { SPAN_MESSAGE, type SpanRecord } from '../../harness/tracing/span.ts';

/** Log of the stack's collector, in which each line with `"msg":"span"` is a span. */
export const SPANS_FILE = 'collector.log';
/** Maximum size of the file: that which a collector keeps, and as much for the beginnings of its lines. */
const MAX_BYTES = 536_870_912;

/** Spans of a run directory, in the order in which they were received; none if its requests were not traced. Lines that are truncated or no spans are skipped. */
export function readSpans(directory: string): SpanRecord[] {
  const path = join(directory, SPANS_FILE);
  if (!existsSync(path)) return [];
  const spans: SpanRecord[] = [];
  for (const line of readBytes(path, MAX_BYTES).toString('utf8').split('\n')) {
    if (!line.endsWith(`"msg":"${SPAN_MESSAGE}"}`)) continue;
    const { level, time, service, msg, ...span } = JSON.parse(line);
    spans.push(span);
  }
  return spans;
}
