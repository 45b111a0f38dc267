import type { TimedEvent } from '../../../harness/history.ts';
import { errorKind, isFailure, type RequestRecord } from '../../../harness/requests.ts';
import { REQUEST_ID_ATTRIBUTE, type SpanRecord } from '../../../harness/tracing/span.ts';
import { rounded } from '../../rounding.ts';
import type { RequestTrace, TraceRow } from '../../store/request-trace.ts';

/** Rows of the trace of one request, and of those of all that are listed. */
const MAX_ROWS = 40;
const MAX_ALL_ROWS = 600;

/** Finds the trace of a request. @param ids of its attempts, in order; undefined: it has none, or all rows are taken */
export type TraceFinder = (record: RequestRecord, ids: readonly string[]) => RequestTrace | undefined;

/**
 * Finds traces among the spans of a run. Those of its clients are made of request records: spans of services begin with the gateways'.
 * @param events which tell the start of the load by the wall clock, by which spans are timed; it is that of one machine, read to the millisecond
 */
export function traceFinder(spans: readonly SpanRecord[], events: readonly TimedEvent[]): TraceFinder {
  const start = events.find(event => event.type === 'start');
  if (spans.length === 0 || start?.at === undefined) return () => undefined;
  const originMs = Date.parse(start.at);
  const children = Map.groupBy(spans, ({ parentSpanId = '' }) => parentSpanId);
  const bySpan = new Map(spans.map(span => [span.spanId, span]));
  const byRequest = Map.groupBy(
    spans.filter(({ kind }) => kind === 'server'),
    ({ attributes }) => `${[attributes[REQUEST_ID_ATTRIBUTE]].flat()[0]}`,
  );
  let left = MAX_ALL_ROWS;
  return (record, ids) => {
    const clients = clientRows(record);
    const found = ids.flatMap((id, nth) => {
      const servers = byRequest.get(id) ?? [];
      const rows = servers.flatMap(span => rowsOf(span, 1));
      return [...(clients[nth] ? [clients[nth]] : []), ...rows];
    });
    if (found.length <= clients.length || left <= 0) return undefined;
    const rows = found.slice(0, Math.min(MAX_ROWS, left));
    left -= rows.length;
    return { rows, more: found.length - rows.length };

    function rowsOf(span: SpanRecord, depth: number): TraceRow[] {
      // Deeper than any of ours, and an end to those that name each other as parents.
      if (depth > 12) return [];
      const below = (children.get(span.spanId) ?? []).toSorted((a, b) => a.startMs - b.startMs);
      const linked = (span.links ?? []).flatMap(({ spanId }) => bySpan.get(spanId) ?? []);
      return [rowOf(span, depth), ...[...below, ...linked].flatMap(child => rowsOf(child, depth + 1))];
    }
    function rowOf({ by, name, kind, startMs, durationMs, events = [], error }: SpanRecord, depth: number): TraceRow {
      const at = (ms: number) => rounded(ms - originMs - record.scheduledMs);
      return {
        ...{ depth, by, name, durationMs: rounded(durationMs), startMs: at(startMs) },
        kind: kind === 'server' || kind === 'client' ? kind : 'internal',
        marksMs: events.map(event => at(event.atMs)),
        ...(error !== undefined && { error }),
      };
    }
  };
}

/** A row for each attempt of the client. */
function clientRows(record: RequestRecord): TraceRow[] {
  const { scheduledMs, sentMs, endMs, firstTokenMs, attemptsMs, attemptOutcomes } = record;
  if (sentMs === null) return [];
  const times = attemptsMs ?? [sentMs, endMs];
  const outcomes = attemptOutcomes?.split(' ') ?? (isFailure(record) ? [errorKind(record)] : []);
  return Array.from({ length: times.length / 2 }, (_, nth) => {
    const [fromMs, toMs] = [times[2 * nth]!, times[2 * nth + 1]!];
    const isMarked = firstTokenMs !== null && firstTokenMs >= fromMs && firstTokenMs <= toMs;
    const outcome = outcomes[nth];
    return {
      ...{ depth: 0, by: 'client', name: times.length > 2 ? `attempt ${nth + 1}` : 'request', kind: 'load' as const },
      startMs: rounded(fromMs - scheduledMs),
      durationMs: rounded(toMs - fromMs),
      marksMs: isMarked ? [rounded(firstTokenMs - scheduledMs)] : [],
      ...(outcome !== undefined && outcome !== 'ok' && { error: outcome }),
    };
  });
}
