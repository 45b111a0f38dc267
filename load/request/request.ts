import { type Api, isStreamed, type LoadPlan, type Workload } from '../../harness/plan.ts';
import { requestId } from '../../harness/requests.ts';
import { bodyOf, type Dialect } from './body.ts';
import { conversationOf, type PromptSource } from './prompt.ts';

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

/** Request fields that depend on the load and the client, not the workload. */
export interface Sender {
  /** Id of the run, part of each `x-request-id`. */
  readonly runId: string;
  readonly seed: number;
  /** Of the load's plan. */
  readonly salt?: LoadPlan['salt'] | undefined;
  readonly body?: LoadPlan['body'] | undefined;
  /** Value of `Authorization`; empty for none. */
  readonly authorization: string;
  /** Headers of the load, resolved; they override all of Squall's. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** What the server is known to need. @default what most servers accept */
  readonly dialect?: Dialect | undefined;
  /** Value of `Host` where it differs from that of the URL. */
  readonly host?: string | undefined;
  /** Sent as `x-priority`. */
  readonly priority?: number | undefined;
}

/** Position of a chat request: turn `turn` (from 0) of the session at index `session`. */
export interface ChatPosition {
  readonly session: number;
  readonly turn: number;
  /** Its `salt` is that of the sender. */
  readonly source: PromptSource;
}

/** Paths of the APIs, relative to a base URL in front of `/v1`. */
export const API_PATHS: Readonly<Record<Api, string>> = {
  chat: '/v1/chat/completions',
  completions: '/v1/completions',
  embeddings: '/v1/embeddings',
};

/**
 * Builds a request, identical to the byte for every engine. Headers of the load override Squall's, and those of a plain HTTP workload
 * override both, in any case. Runs in k6 too.
 * @param number of the request in its `x-request-id`, see {@link requestId}; a number is also the default of its session
 * @param position of a chat request in its session. @default the first turn of session `index`
 */
export function buildRequest(
  workload: Workload,
  number: number | string,
  sender: Sender,
  { session, turn, source }: ChatPosition = { session: Number(number), turn: 0, source: {} },
): HttpRequest {
  const { runId, seed, authorization, host, priority, salt, body: changes, dialect } = sender;
  const headers = {
    'user-agent': 'squall',
    'x-request-id': requestId(runId, number),
    ...(authorization === '' ? {} : { authorization }),
    ...(priority === undefined ? {} : { 'x-priority': String(priority) }),
    ...(host === undefined ? {} : { host }),
    ...sender.headers,
  };
  if (workload.kind === 'http') {
    const { method, path, body } = workload;
    return { method, path, headers: overridden(headers, workload.headers), body, promptTokens: 0 };
  }
  const conversation = conversationOf(workload, seed, session, turn, { ...source, salt });
  const accept = isStreamed(workload) ? 'text/event-stream' : 'application/json';
  return {
    method: 'POST',
    path: workload.path ?? API_PATHS[workload.api ?? 'chat'],
    headers: { 'content-type': 'application/json', accept, ...headers },
    body: JSON.stringify(bodyOf(workload, conversation, changes, dialect)),
    promptTokens: conversation.promptTokens,
  };
}

function overridden(ours: Record<string, string>, theirs: Readonly<Record<string, string>>): Record<string, string> {
  const named = new Set(Object.keys(theirs).map(name => name.toLowerCase()));
  return { ...Object.fromEntries(Object.entries(ours).filter(([name]) => !named.has(name))), ...theirs };
}
