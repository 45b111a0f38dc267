import type { Workload } from '../../harness/plan.ts';
import { chatBody } from './chat-body.ts';

/** One request, complete but for `Host`. */
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
 * @param authorization of the header; empty for none
 */
export function singleRequests(
  workload: Workload,
  seed: number,
  authorization: string,
): (index: number) => SingleRequest {
  const isPlain = workload.kind === 'http';
  const theirs = isPlain ? workload.headers : {};
  const named = new Set(Object.keys(theirs).map(name => name.toLowerCase()));
  const ours = {
    ...(isPlain ? {} : { 'content-type': 'application/json', accept: 'text/event-stream' }),
    'user-agent': 'squall',
    ...(authorization === '' ? {} : { authorization }),
  };
  const fixed = { ...Object.fromEntries(Object.entries(ours).filter(([name]) => !named.has(name))), ...theirs };
  return index => {
    // Finds a request of the journal in the logs of the service.
    const headers = named.has('x-request-id') ? fixed : { ...fixed, 'x-request-id': `squall-${seed}-${index}` };
    if (isPlain) return { method: workload.method, path: workload.path, headers, body: workload.body, promptTokens: 0 };
    return { method: 'POST', path: '/v1/chat/completions', headers, ...chatBody(workload, seed, index) };
  };
}
