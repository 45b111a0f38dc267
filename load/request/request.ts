import type { Workload } from '../../harness/plan.ts';
import { conversationOf, type TraceTokens } from './prompt.ts';

/** Request as every engine sends it; without a `host` header its URL decides that. */
export interface HttpRequest {
  readonly method: string;
  /** Relative to the target's path. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Empty for none. */
  readonly body: string;
  readonly promptTokens: number;
}

/** Request fields that depend on the client, not the workload. */
export interface Sender {
  readonly seed: number;
  /** Value of `Authorization`; empty for none. */
  readonly authorization: string;
  /** Value of `Host` where it differs from that of the URL. */
  readonly host?: string | undefined;
  /** Sent as `x-priority`. */
  readonly priority?: number | undefined;
}

/** Position of a chat request: turn `turn` (from 0) of the session at index `session`. */
export interface ChatPosition {
  readonly session: number;
  readonly turn: number;
  readonly trace: TraceTokens;
}

/**
 * Builds a request, identical to the byte for every engine. Headers of a plain HTTP workload override the defaults, in any case.
 * Runs in k6 too.
 * @param index number of the request, part of its `x-request-id`
 * @param position of a chat request in its session. @default the first turn of session `index`
 */
export function buildRequest(
  workload: Workload,
  index: number,
  sender: Sender,
  { session, turn, trace }: ChatPosition = { session: index, turn: 0, trace: {} },
): HttpRequest {
  const { seed, authorization, host, priority } = sender;
  const headers = {
    'user-agent': 'squall',
    'x-request-id': `squall-${seed}-${index}`,
    ...(authorization === '' ? {} : { authorization }),
    ...(priority === undefined ? {} : { 'x-priority': String(priority) }),
    ...(host === undefined ? {} : { host }),
  };
  if (workload.kind === 'http') {
    const { method, path, body } = workload;
    return { method, path, headers: overridden(headers, workload.headers), body, promptTokens: 0 };
  }
  const { messages, promptTokens, outputTokens } = conversationOf(workload, seed, session, turn, trace);
  return {
    method: 'POST',
    path: '/v1/chat/completions',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream', ...headers },
    body: JSON.stringify({ model: workload.model, messages, max_tokens: outputTokens, stream: true }),
    promptTokens,
  };
}

function overridden(ours: Record<string, string>, theirs: Readonly<Record<string, string>>): Record<string, string> {
  const named = new Set(Object.keys(theirs).map(name => name.toLowerCase()));
  return { ...Object.fromEntries(Object.entries(ours).filter(([name]) => !named.has(name))), ...theirs };
}
