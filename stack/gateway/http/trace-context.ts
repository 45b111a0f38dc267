import type { Random } from '../../../harness/random.ts';

/** Trace context of a request (W3C Trace Context, level 1). */
export interface TraceContext {
  /** Trace id, 32 hex digits, shared by all services that handle the request. */
  readonly traceId: string;
  /** Span of this gateway, 16 hex digits. */
  readonly spanId: string;
  /** Span of the caller, 16 hex digits; undefined when it sent none. */
  readonly parentSpanId: string | undefined;
  /** Trace flags, 2 hex digits; 01: sampled. */
  readonly flags: string;
}

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/;

/** Continues the caller's trace, or starts one when `traceparent` is missing or malformed. */
export function joinTrace(traceparent: string | undefined, random: Random): TraceContext {
  const match = traceparent === undefined ? null : TRACEPARENT.exec(traceparent);
  const valid = match && !traceparent!.startsWith('ff') && !/^0+$/.test(match[1]!) && !/^0+$/.test(match[2]!);
  if (!valid) {
    return { traceId: hexDigits(random, 4), spanId: hexDigits(random, 2), parentSpanId: undefined, flags: '01' };
  }
  return { traceId: match[1]!, spanId: hexDigits(random, 2), parentSpanId: match[2]!, flags: match[3]! };
}

/** Value of the `traceparent` header for the next service. @param spanId its parent. @default this gateway's span */
export function traceparentOf({ traceId, flags, ...own }: TraceContext, spanId = own.spanId): string {
  return `00-${traceId}-${spanId}-${flags}`;
}

/** `words` × 8 hex digits, never all zero. */
export function hexDigits(random: Random, words: number): string {
  let text = '';
  for (let i = 0; i < words; i += 1) {
    const word = Math.floor(random.next() * 0x1_0000_0000) || 1;
    text += word.toString(16).padStart(8, '0');
  }
  return text;
}
