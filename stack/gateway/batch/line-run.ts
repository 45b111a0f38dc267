import { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Random } from '../../../harness/random.ts';
import { PRIORITY_HEADER } from '../admission/entitlements.ts';
import { ApiError, errorBody } from '../http/api-error.ts';
import { Exchange, type Stage } from '../http/exchange.ts';
import { joinTrace } from '../http/trace-context.ts';
import { SharedResponse } from '../merge/shared-response.ts';
import type { BatchEndpoint } from './records.ts';

/** Longest body of a result. */
const MAX_RESULT_BYTES = 16_777_216;

/** A request that no client waits for: it has no connection, and its response is kept. */
class LineExchange extends Exchange {
  declare readonly response: SharedResponse;

  constructor(endpoint: BatchEndpoint, random: Random, nowMs: number) {
    const request = new IncomingMessage(undefined as unknown as Socket);
    Object.assign(request, { method: 'POST', headers: { [PRIORITY_HEADER]: '3' }, httpVersion: '1.1' });
    const response = new SharedResponse(request, MAX_RESULT_BYTES);
    super(request, response, endpoint, joinTrace(undefined, random), nowMs, { draining: false });
    this.onTruncated = (code, message) => response.abort({ code, message });
  }
}

/** How a run ended: with a response, which is a result unless it `isTransient`, or without having been sent, so that it was no attempt. */
export interface LineOutcome {
  readonly kind: 'response' | 'unused';
  readonly status: number;
  readonly requestId: string;
  /** JSON. */
  readonly body: string;
  /** Whether a later attempt may succeed. */
  readonly isTransient: boolean;
}

/** What a line needs to be run. */
export interface LineRun {
  readonly endpoint: BatchEndpoint;
  /** JSON. */
  readonly body: Buffer;
  readonly tenant: string;
  /** How long it may take, with its wait for admission. */
  readonly timeoutMs: number;
}

/** Running line. */
export interface RunningLine {
  readonly exchange: Exchange;
  /** Never rejects. */
  readonly ended: Promise<LineOutcome>;
  /** Ends the work of the upstream. */
  cancel(): void;
}

/**
 * Runs a line as a request of its tenant at the level batch: it waits for admission, and is forwarded and retried as any other.
 * @param stages of a completion, from its validation on
 */
export function runLine(
  { endpoint, body, tenant, timeoutMs }: LineRun,
  stages: readonly Stage[],
  random: Random,
  nowMs: number,
): RunningLine {
  const exchange = new LineExchange(endpoint, random, nowMs);
  Object.assign(exchange, { caller: tenant, body, deadlineMs: nowMs + timeoutMs });
  return {
    exchange,
    ended: run(exchange, stages),
    cancel: () => {
      exchange.clientDisconnected = true;
      exchange.onClientDisconnect?.();
    },
  };
}

async function run(exchange: LineExchange, stages: readonly Stage[]): Promise<LineOutcome> {
  const { requestId, response } = exchange;
  const ended = (status: number, body: string): LineOutcome => ({
    kind: exchange.attempts === 0 && isTransient(status) ? 'unused' : 'response',
    ...{ status, requestId, body, isTransient: isTransient(status) },
  });
  try {
    for (const stage of stages) await stage(exchange);
  } catch (thrown) {
    const error = thrown instanceof ApiError ? thrown : new ApiError(500, 'internal_error', 'Internal gateway error.');
    if (exchange.outcome === 'completed') exchange.outcome = thrown instanceof ApiError ? 'rejected' : 'failed';
    exchange.reason ??= error.code;
    response.statusCode = error.status;
    return ended(error.status, errorBody(error));
  }
  const { head, isComplete, isWhole, abortion } = response;
  response.statusCode = head?.status ?? 502;
  if (isComplete && head && response.body) return ended(head.status, jsonOf(response.body));
  if (isComplete && !isWhole) {
    const message = `The response exceeds ${MAX_RESULT_BYTES} bytes.`;
    return ended(400, errorBody(new ApiError(400, 'result_too_large', message)));
  }
  const { code = 'upstream_reset', message = 'The response broke off.' } = abortion ?? {};
  return ended(502, errorBody(new ApiError(502, code, message)));
}

function isTransient(status: number): boolean {
  return status >= 500 || status === 429 || status === 408;
}

/** What an upstream sent, or a JSON text of it. */
function jsonOf(body: Buffer): string {
  const text = body.toString('utf8');
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return JSON.stringify(text);
  }
}
