import { messageOf } from '../../../harness/errors.ts';

/** Sample of an instant vector. */
export interface VectorSample {
  readonly labels: Readonly<Record<string, string>>;
  /** May be NaN or infinite. */
  readonly value: number;
}

/** What a query returned. */
export type Reply =
  | { readonly kind: 'vector'; readonly samples: readonly VectorSample[] }
  | { readonly kind: 'failed'; readonly message: string };

/** Last scrape of a replica. */
export interface LastScrape {
  readonly replica: string;
  readonly service: string;
  readonly isUp: boolean;
  /** In ms since the epoch, on Prometheus' clock. */
  readonly atMs: number;
}

type Labels = Readonly<Record<string, string>>;
type Point = readonly [seconds: number, value: string];

/** Remarks that make no value wrong, such as on the name of a counter. */
const REMARK = /^PromQL info/;

/** Reply to a query that could not be sent, or that Prometheus refused. */
export function failedReply(error: unknown): Reply {
  return { kind: 'failed', message: messageOf(error) };
}

/**
 * Reply of Prometheus' HTTP API to an instant query. One with warnings may lack a part of the series, as that of a store that could not be
 * read, and counts as failed: the sum of some replicas is not that of all.
 */
export function vectorReply(data: unknown, warnings: readonly string[] = []): Reply {
  const serious = warnings.filter(warning => !REMARK.test(warning));
  if (serious.length > 0) return { kind: 'failed', message: `its result may be incomplete: ${serious.join('; ')}` };
  const { resultType, result } = (data ?? {}) as { resultType?: unknown; result?: unknown };
  if (resultType !== 'vector' || !Array.isArray(result))
    return { kind: 'failed', message: `Expected a vector, got ${JSON.stringify(resultType)}` };
  const samples = (result as { metric?: Labels; value?: Point }[]).map(({ metric = {}, value }) => ({
    labels: metric,
    value: value ? numberOf(value[1]) : Number.NaN,
  }));
  return { kind: 'vector', samples };
}

/** Last scrapes of the reply to a range of `up`; undefined if there is no such reply. */
export function lastScrapes(data: unknown): LastScrape[] | undefined {
  const { resultType, result } = (data ?? {}) as { resultType?: unknown; result?: unknown };
  if (resultType !== 'matrix' || !Array.isArray(result)) return undefined;
  return (result as { metric?: Labels; values?: readonly Point[] }[]).flatMap(({ metric = {}, values = [] }) => {
    const last = values.at(-1);
    if (!last) return [];
    return {
      ...{ replica: metric.replica ?? '', service: metric.job ?? '' },
      ...{ isUp: numberOf(last[1]) === 1, atMs: last[0] * 1000 },
    };
  });
}

/** Go's notation of a number: `+Inf` and `-Inf`, too. */
function numberOf(text: string): number {
  return /^[+-]?Inf$/.test(text) ? Number(text.replace('Inf', 'Infinity')) : Number(text);
}
