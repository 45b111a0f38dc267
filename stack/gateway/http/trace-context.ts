import type { Random } from '../../../harness/random.ts';

/** Where a request belongs in a trace (W3C Trace Context, level 1). */
export interface TraceContext {
  /** 32 hex digits, shared by all services that handle the request. */
  readonly traceId: string;
  /** 16 hex digits: this gateway's span. */
  readonly spanId: string;
  /** 16 hex digits of the caller's span, when it sent one. */
  readonly parentSpanId: string | undefined;
  /** 2 hex digits; 01 is sampled. */
  readonly flags: string;
}

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/;

/** Joins the caller's trace, or starts one when `traceparent` is missing or malformed. */
export function joinTrace(traceparent: string | undefined, random: Random): TraceContext {
  const match = traceparent === undefined ? null : TRACEPARENT.exec(traceparent);
  const valid = match && !traceparent!.startsWith('ff') && !/^0+$/.test(match[1]!) && !/^0+$/.test(match[2]!);
  if (!valid) {
    return { traceId: hexDigits(random, 4), spanId: hexDigits(random, 2), parentSpanId: undefined, flags: '01' };
  }
  return { traceId: match[1]!, spanId: hexDigits(random, 2), parentSpanId: match[2]!, flags: match[3]! };
}

/** The header that makes the next service a child of this gateway's span. */
export function traceparentOf(trace: TraceContext): string {
  return `00-${trace.traceId}-${trace.spanId}-${trace.flags}`;
}

/** `words` × 8 hex digits, never all zero. */
function hexDigits(random: Random, words: number): string {
  let text = '';
  for (let i = 0; i < words; i += 1) {
    const word = Math.floor(random.next() * 0x1_0000_0000) || 1;
    text += word.toString(16).padStart(8, '0');
  }
  return text;
}
