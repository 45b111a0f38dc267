import type { TraceRequest } from '../../harness/host/trace.ts';
import { PROBE_PATH } from '../probe.ts';
import type { Survey } from './toxic-fault.ts';

/** A longer header than this is refused by some servers. */
const MAX_PAD_BYTES = 4000;
/** Of a request without padding, about. */
const BARE_BYTES = 70;
/** Requests whose round trips take no time worth mentioning. */
const FEW = 5;
const SURVEY_LIMIT_MS = 1000;
/** Where long responses are found: metrics, the description of an API, a page, a list of models. */
const PATHS = [PROBE_PATH, '/metrics', '/v1/models', '/openapi.json', '/'];

/** Traffic that a fault needs to be seen. */
export interface Traffic {
  readonly stream: 'downstream' | 'upstream';
  /** On one connection, in that direction. */
  readonly minBytes: number;
  /** Bytes of each request or response that do not count. @default 0 */
  readonly idleBytes?: number;
  /** Maximum number of requests on it. */
  readonly maxCount: number;
  readonly limitMs: number;
  /** Whether each byte costs time, so that a few short responses are better than a long one. @default false */
  readonly isSlow?: boolean;
}

/**
 * The shortest series of requests on one connection that moves at least `minBytes` in a direction: towards the server they are padded,
 * from the server the longest of its usual responses are used, and Redis returns what it gets.
 * @returns the request, or why there is none, in words
 */
export async function requestFor(traffic: Traffic, survey: Survey): Promise<TraceRequest | string> {
  const { stream, minBytes, idleBytes = 0, maxCount, limitMs, isSlow = false } = traffic;
  const countOf = (bytes: number) =>
    bytes > idleBytes ? Math.ceil(minBytes / (bytes - idleBytes)) : Number.POSITIVE_INFINITY;
  const { link } = survey;
  if (stream === 'upstream' || link.protocol === 'redis') {
    const padBytes = Math.min(MAX_PAD_BYTES, Math.max(0, minBytes + idleBytes - BARE_BYTES));
    const count = countOf(padBytes + BARE_BYTES);
    if (count <= maxCount) return { path: PROBE_PATH, padBytes, count, limitMs };
    return tooLittle(link.name, minBytes, `${maxCount} requests have ${maxCount * (MAX_PAD_BYTES + BARE_BYTES)}`);
  }
  const lengths = await responseLengths(survey);
  const ways = lengths.map(({ path, bytes }) => ({ path, bytes, count: countOf(bytes) }));
  const cost = ({ bytes, count }: (typeof ways)[number]) => (isSlow && count <= FEW ? bytes * count : Infinity);
  const [shortest] = ways.sort(
    (a, b) => (cost(a) === cost(b) ? 0 : cost(a) - cost(b)) || a.count - b.count || a.bytes - b.bytes,
  );
  if (!shortest) return `no probe across ${link.name} got a response before the fault`;
  if (shortest.count <= maxCount) return { path: shortest.path, count: shortest.count, limitMs };
  const found = `its longest response, to GET ${shortest.path}, has ${Math.max(...lengths.map(({ bytes }) => bytes))}`;
  return tooLittle(link.name, minBytes, found);
}

async function responseLengths({ link, context: { stack }, signal }: Survey) {
  const own = stack.replicas.find(({ name }) => name === link.to)?.metricsPath;
  const paths = [...new Set([...PATHS, ...(own ? [own] : [])])];
  const lengths = await Promise.all(
    paths.map(async path => {
      const { bytes, responses } = await stack.trace(link, { path, limitMs: SURVEY_LIMIT_MS }, signal);
      return { path, bytes: responses > 0 ? bytes : 0 };
    }),
  );
  return lengths.filter(({ bytes }) => bytes > 0);
}

function tooLittle(link: string, minBytes: number, found: string): string {
  return `too little passes ${link} for a probe to show it: ${minBytes} bytes are needed on one connection, and ${found}`;
}

/** Bytes in words, `7.9 KB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${Math.round(bytes)} B`;
  return bytes < 1e6 ? `${Number((bytes / 1000).toPrecision(3))} KB` : `${Number((bytes / 1e6).toPrecision(3))} MB`;
}
