import type { ChatWorkload, Workload } from '../../harness/plan.ts';
import type { Conversation } from './prompt.ts';

/** A request as every engine sends it; without a header `host` its URL decides that. */
export interface HttpRequest {
  readonly method: string;
  /** Below the target's own path. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Empty for none. */
  readonly body: string;
  readonly promptTokens: number;
}

/** What requests say of their sender, beside what their workload says. */
export interface Sender {
  readonly seed: number;
  /** Value of `Authorization`; empty for none. */
  readonly authorization: string;
  /** Name of the server, where its URL does not say it. */
  readonly host?: string | undefined;
  /** Sent as `x-priority`. */
  readonly priority?: number | undefined;
}

/**
 * Builds a request, the same to the byte for every engine. Of a plain workload the scenario's own headers win, whatever their
 * case. Runs in k6 too.
 * @param index number of the request, by which the logs of the service name it
 * @param talk what a chat workload asks at this point; not called for a plain one
 */
export function buildRequest(
  workload: Workload,
  index: number,
  sender: Sender,
  talk: (workload: ChatWorkload) => Conversation,
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
  const { messages, promptTokens, outputTokens } = talk(workload);
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
