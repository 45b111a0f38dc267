import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Clock } from '../../harness/clock.ts';
import { messageOf } from '../../harness/errors.ts';
import type { Random } from '../../harness/random.ts';
import { type Answer, type AnswerHead, streamedAnswer, wholeAnswer } from './answers.ts';
import { ApiError, badRequest, parseCompletion } from './bodies.ts';
import type { InferenceConfig } from './config.ts';
import { answerWords, countTokens } from './engine/tokens.ts';
import type { InferenceService, Ticket } from './service.ts';

/** Answer length of a request that names none. It ends by itself there: `finish_reason` is `stop`, not `length`. */
const DEFAULT_OUTPUT_TOKENS = 128;
/** Largest body that is read; more is answered with 413. */
export const MAX_BODY_BYTES = 1 << 20;
/** After this many bytes the sender of an over-long body is cut off instead of being listened to the end. */
const MAX_DISCARDED_BYTES = 8 << 20;

/** Logged as the status of a request whose client left before an answer began (nginx's number for it). */
const CLIENT_GONE = 499;

/** What the HTTP side needs. */
export interface ServerParts {
  readonly config: InferenceConfig;
  readonly service: InferenceService;
  readonly clock: Clock;
  readonly random: Random;
  /** One line per completion request. */
  readonly log: (line: Readonly<Record<string, unknown>>) => void;
  /** True once the process has been asked to stop: it says that it is not ready, and asks clients to close their connections. */
  readonly leaving: () => boolean;
  /** True once nothing new is accepted. */
  readonly draining: () => boolean;
}

/** The HTTP face of a replica: OpenAI's API, vLLM's `/health` and `/metrics`, Kubernetes' `/healthz` and `/readyz`. */
export function inferenceServer(parts: ServerParts): Server {
  return createServer((request, response) => {
    if (parts.leaving()) response.setHeader('connection', 'close');
    route(parts, request, response).catch(error => sendError(response, error));
  });
}

async function route(parts: ServerParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? '/').split('?', 1)[0]!;
  const { service, config, leaving } = parts;
  if (path === '/v1/chat/completions' || path === '/v1/completions') {
    only('POST', request);
    return complete(parts, path === '/v1/completions' ? 'text' : 'chat', request, response);
  }
  only('GET', request);
  const mayServe = service.ready && !leaving();
  if (path === '/healthz') return sendText(response, 200, 'ok\n');
  if (path === '/health') return sendText(response, service.ready ? 200 : 503, '');
  if (path === '/readyz') return sendText(response, mayServe ? 200 : 503, mayServe ? 'ready\n' : 'not ready\n');
  if (path === '/metrics') return sendText(response, 200, await service.metrics.text(), service.metrics.contentType);
  if (path === '/v1/models') return sendJson(response, 200, JSON.stringify(modelList(config)));
  throw new ApiError(404, 'NotFoundError', `There is nothing at ${path}.`);
}

function only(method: string, request: IncomingMessage): void {
  if (request.method === method) return;
  throw new ApiError(405, 'MethodNotAllowedError', `Expected ${method}, got ${request.method}.`);
}

/** One completion: everything between its arrival and its log line. */
async function complete(
  parts: ServerParts,
  kind: 'chat' | 'text',
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const arrivedMs = parts.clock.nowMs();
  const requestId = request.headers['x-request-id']?.toString() ?? randomUUID();
  response.setHeader('x-request-id', requestId);
  let ticket: Ticket | undefined;
  response.once('close', () => {
    ticket?.cancel();
    const { finishedReason, ...times } = ticket?.times() ?? { finishedReason: undefined };
    const { traceparent } = request.headers;
    const durationMs = parts.clock.nowMs() - arrivedMs;
    parts.log({
      requestId,
      traceparent,
      kind,
      status: response.headersSent ? response.statusCode : CLIENT_GONE,
      ...times,
      durationMs,
      finishReason: finishedReason,
    });
  });
  try {
    refuseUnlessServing(parts);
    const body = await readBody(request);
    refuseUnlessServing(parts);
    if (!response.destroyed) ticket = start(parts, kind, body, requestId, response);
  } catch (error) {
    sendError(response, error);
  }
}

function refuseUnlessServing({ service, draining }: ServerParts): void {
  if (!service.ready) throw new ApiError(503, 'ServiceUnavailableError', 'The model is still being loaded.');
  if (draining()) throw new ApiError(503, 'ServiceUnavailableError', 'The server is shutting down.');
}

function start(
  { config, service, random, clock }: ServerParts,
  kind: 'chat' | 'text',
  body: string,
  requestId: string,
  response: ServerResponse,
): Ticket {
  const { prompt, maxTokens, stream, includeUsage, promptLogprobs } = parseCompletion(kind, body, config.model);
  const promptTokens = countTokens(prompt);
  const id = `${kind === 'chat' ? 'chatcmpl' : 'cmpl'}-${requestId}`;
  const created = Math.floor(clock.date().getTime() / 1000);
  const head: AnswerHead = { kind, id, model: config.model, created, promptTokens, includeUsage, promptLogprobs };
  const answer: Answer = stream
    ? streamedAnswer(response, head)
    : wholeAnswer(json => sendJson(response, 200, json), head);
  const wordAt = answerWords(random, prompt);
  const finishReason = maxTokens === undefined ? 'stop' : 'length';
  const acceptance = service.submit({
    promptTokens,
    maxTokens: maxTokens ?? DEFAULT_OUTPUT_TOKENS,
    finishReason,
    onToken: (index, last) => {
      answer.word(wordAt(index), index);
      if (last) answer.end(finishReason, index + 1);
    },
  });
  if (acceptance.kind === 'rejected') throw badRequest(acceptance.reason, 'max_tokens');
  if (stream) {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
    response.flushHeaders();
  }
  return acceptance.ticket;
}

/** Reads the body whole. One that is too long is heard out, unread, so that its sender gets to see the 413. */
async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
    else chunks.length = 0;
    if (bytes > MAX_DISCARDED_BYTES) break;
  }
  if (bytes > MAX_BODY_BYTES)
    throw new ApiError(413, 'RequestEntityTooLargeError', `The body is longer than ${MAX_BODY_BYTES} bytes.`);
  return Buffer.concat(chunks).toString('utf8');
}

function modelList({ model, maxModelLen }: InferenceConfig) {
  return {
    object: 'list',
    data: [{ id: model, object: 'model', created: 0, owned_by: 'squall', max_model_len: maxModelLen }],
  };
}

function sendError(response: ServerResponse, error: unknown): void {
  if (response.destroyed || response.writableEnded) return;
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const apiError = error instanceof ApiError ? error : new ApiError(500, 'InternalServerError', messageOf(error));
  if (apiError.status === 503) response.setHeader('retry-after', '1');
  if (apiError.status === 413) response.setHeader('connection', 'close');
  sendJson(response, apiError.status, apiError.toJson());
}

function sendJson(response: ServerResponse, status: number, json: string): void {
  sendText(response, status, json, 'application/json');
}

function sendText(response: ServerResponse, status: number, text: string, contentType = 'text/plain'): void {
  if (response.destroyed) return;
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(text) });
  response.end(text);
}
