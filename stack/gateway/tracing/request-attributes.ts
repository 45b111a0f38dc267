import { REQUEST_ID_ATTRIBUTE, type SpanAttributes } from '../../../harness/tracing/span.ts';
import { statusOf } from '../http/access-log.ts';
import type { Exchange } from '../http/exchange.ts';

/** Operations of the semantic conventions for generative AI, by route. */
const OPERATIONS: Readonly<Record<string, string>> = {
  '/v1/chat/completions': 'chat',
  '/v1/completions': 'text_completion',
  '/v1/embeddings': 'embeddings',
};
/** Length to which text of a client is cut. */
const MAX_TEXT = 256;

/** What is known when a request arrives. Its path is that of its route, and no query, body or key is included. */
export function requestAttributes({ request, route, requestId }: Exchange): SpanAttributes {
  const agent = request.headers['user-agent'];
  return {
    'http.request.method': request.method!,
    'url.scheme': 'http',
    ...(route !== 'other' && { 'http.route': route, 'url.path': route }),
    'network.protocol.version': request.httpVersion,
    ...(agent !== undefined && { 'user_agent.original': agent.slice(0, MAX_TEXT) }),
    [REQUEST_ID_ATTRIBUTE]: [requestId],
  };
}

/** What is known when a request has ended. @param failure what went wrong; undefined: nothing did */
export function responseAttributes(exchange: Exchange, failure: string | undefined): SpanAttributes {
  const { outcome, attempts, cacheHeaders, isMerged, priority, queuedMs, firstByteMs } = exchange;
  return {
    'http.response.status_code': statusOf(exchange),
    ...(failure !== undefined && { 'error.type': failure }),
    'squall.outcome': outcome,
    'squall.attempts': attempts,
    ...(cacheHeaders[1] !== undefined && { 'squall.cache': cacheHeaders[1] }),
    ...(isMerged && { 'squall.merged': true }),
    ...(priority !== undefined && { 'squall.priority': priority }),
    ...(queuedMs > 0 && { 'squall.queued_ms': queuedMs }),
    ...(firstByteMs !== undefined && { 'squall.first_byte_ms': firstByteMs }),
    ...modelAttributes(exchange),
  };
}

/** Name of the span of an attempt, by the conventions: `chat MODEL`. */
export function attemptName({ route, model }: Exchange): string {
  return `${OPERATIONS[route] ?? 'POST'} ${model.slice(0, MAX_TEXT)}`;
}

/** What is known of an attempt when it begins. @param upstream its name */
export function attemptAttributes(exchange: Exchange, upstream: string): SpanAttributes {
  return {
    'http.request.method': 'POST',
    'server.address': upstream,
    ...(exchange.attempts > 1 && { 'http.request.resend_count': exchange.attempts - 1 }),
    ...modelAttributes(exchange),
  };
}

function modelAttributes({ route, model, streamed }: Exchange): SpanAttributes {
  if (model === '') return {};
  return {
    'gen_ai.operation.name': OPERATIONS[route]!,
    'gen_ai.provider.name': 'openai',
    'gen_ai.request.model': model.slice(0, MAX_TEXT),
    'gen_ai.request.stream': streamed,
  };
}
