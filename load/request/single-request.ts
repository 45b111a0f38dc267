import type { Workload } from '../../harness/plan.ts';
import { chatBody } from './chat-body.ts';

/** One request; without a header `host` its URL decides that. */
export interface SingleRequest {
  readonly method: string;
  /** Below the target's own path. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Empty for none. */
  readonly body: string;
  readonly promptTokens: number;
}

/**
 * Makes the requests of engines for which each arrival is one request of its own: to the byte what the streaming client sends. Of a
 * plain workload the scenario's own headers win, whatever their case. Runs in k6 too.
 * @param ours what headers say of `Authorization` (empty: nothing) and of the server, where its URL does not name it
 */
export function singleRequests(
  workload: Workload,
  seed: number,
  { authorization, host }: { readonly authorization: string; readonly host?: string | undefined },
): (index: number) => SingleRequest {
  const isPlain = workload.kind === 'http';
  const theirs = isPlain ? workload.headers : {};
  const named = new Set(Object.keys(theirs).map(name => name.toLowerCase()));
  const ours = {
    ...(isPlain ? {} : { 'content-type': 'application/json', accept: 'text/event-stream' }),
    'user-agent': 'squall',
    ...(authorization === '' ? {} : { authorization }),
    ...(host === undefined ? {} : { host }),
  };
  const fixed = { ...Object.fromEntries(Object.entries(ours).filter(([name]) => !named.has(name))), ...theirs };
  return index => {
    // Finds a request of the journal in the logs of the service.
    const headers = named.has('x-request-id') ? fixed : { ...fixed, 'x-request-id': `squall-${seed}-${index}` };
    if (isPlain) return { method: workload.method, path: workload.path, headers, body: workload.body, promptTokens: 0 };
    return { method: 'POST', path: '/v1/chat/completions', headers, ...chatBody(workload, seed, index) };
  };
}
