import { hash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Clock } from '../../harness/clock.ts';
import { messageOf } from '../../harness/errors.ts';
import { foreignSite } from '../../harness/http/own-names.ts';
import { requestTarget } from '../../harness/http/request-target.ts';
import type { Random } from '../../harness/random.ts';
import { tokenCheck } from '../token.ts';
import { BrokenEngine, FAILURE_PATH } from './broken-engine.ts';
import { ApiError, badRequest, parseCompletion } from './completion-request.ts';
import type { InferenceConfig } from './config.ts';
import { countTokens, outputWords, prefixBlocks } from './engine/tokens.ts';
import { type ResponseHead, type ResponseWriter, streamedResponse, unstreamedResponse } from './responses.ts';
import type { InferenceService, RequestHandle } from './service.ts';

/** Output length of a request without a limit, which ends with `finish_reason` `stop` instead of `length`. */
const DEFAULT_OUTPUT_TOKENS = 128;
/** Maximum size of a request body; larger ones are rejected with 413. */
export const MAX_BODY_BYTES = 1 << 20;
/** Maximum bytes of an oversized body that are read and discarded before the connection is closed. */
const MAX_DISCARDED_BYTES = 8 << 20;

/** Logged status of a request whose client disconnected before the response began (nginx's convention). */
const CLIENT_CLOSED_REQUEST = 499;

/** Dependencies of {@link inferenceServer}. */
export interface ServerOptions {
  readonly config: InferenceConfig;
  readonly service: InferenceService;
  readonly clock: Clock;
  readonly random: Random;
  /** Required to break the engine; without one nobody can. */
  readonly token: string | undefined;
  /** A new id for a request that has none. */
  readonly newId: () => string;
  /** Names of its own in the networks that it is in, besides its addresses. */
  readonly names: readonly string[];
  /** Logs one line per completion request. */
  readonly log: (line: Readonly<Record<string, unknown>>) => void;
  /** Whether shutdown has begun: the server reports not ready and asks clients to close their connections. */
  readonly isShuttingDown: () => boolean;
  /** Whether new requests are rejected. */
  readonly isDraining: () => boolean;
}

/**
 * HTTP server of a replica: OpenAI's API, vLLM's `/health` and `/metrics`, Kubernetes' `/healthz` and `/readyz`, and {@link FAILURE_PATH}. It
 * has no API key, as engines have none behind a gateway. Metrics and failures are refused to the pages of other sites, see {@link foreignSite}.
 */
export function inferenceServer(options: ServerOptions): Server {
  const broken = new BrokenEngine();
  const lacksToken = tokenCheck(options.token);
  return createServer((request, response) => {
    if (options.isShuttingDown()) response.setHeader('connection', 'close');
    route(options, { broken, lacksToken }, request, response).catch(error => sendError(response, error));
  });
}

async function route(
  options: ServerOptions,
  { broken, lacksToken }: { readonly broken: BrokenEngine; readonly lacksToken: ReturnType<typeof tokenCheck> },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { service, config, names, isShuttingDown } = options;
  const { path = '', query } = requestTarget(request) ?? {};
  if (path === '/v1/chat/completions' || path === '/v1/completions') {
    requireMethod('POST', request);
    if (broken.isBroken) return broken.respond(request, response);
    return complete(options, path === '/v1/completions' ? 'text' : 'chat', request, response);
  }
  if (path === FAILURE_PATH && (request.method === 'PUT' || request.method === 'DELETE')) {
    refuse(foreignSite(request, names) ?? lacksToken(request));
    const issue = broken.set(request.method, await readBody(request));
    if (issue) throw badRequest(issue, 'as');
    service.stall(broken.isStalled);
    return void response.writeHead(204).end();
  }
  requireMethod('GET', request);
  const mayServe = service.ready && !isShuttingDown();
  if (path === '/healthz') return sendText(response, 200, 'ok\n');
  if (path === '/health') return sendText(response, service.ready ? 200 : 503, '');
  if (path === '/readyz') return sendText(response, mayServe ? 200 : 503, mayServe ? 'ready\n' : 'not ready\n');
  if (path === '/metrics') refuse(foreignSite(request, names));
  if (path === '/metrics')
    return sendText(response, 200, await service.metrics.text(query), service.metrics.contentType);
  if (path === '/v1/models') return sendJson(response, 200, JSON.stringify(modelList(config)));
  throw new ApiError(404, 'NotFoundError', `The path ${path} does not exist.`);
}

function refuse(reason: string | undefined): void {
  if (reason !== undefined) throw new ApiError(403, 'PermissionDeniedError', `Permission denied: ${reason}.`);
}

function requireMethod(method: string, request: IncomingMessage): void {
  if (request.method === method) return;
  throw new ApiError(405, 'MethodNotAllowedError', `Expected ${method}, got ${request.method}.`);
}

/** Handles one completion request, up to its log line. */
async function complete(
  options: ServerOptions,
  kind: 'chat' | 'text',
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const arrivedMs = options.clock.nowMs();
  const requestId = request.headers['x-request-id']?.toString() ?? options.newId();
  response.setHeader('x-request-id', requestId);
  let handle: RequestHandle | undefined;
  response.once('close', () => {
    handle?.cancel();
    const { finishedReason: finishReason, ...times } = handle?.times() ?? { finishedReason: undefined };
    const { traceparent } = request.headers;
    const status = response.headersSent ? response.statusCode : CLIENT_CLOSED_REQUEST;
    const durationMs = options.clock.nowMs() - arrivedMs;
    options.log({ requestId, traceparent, kind, status, ...times, durationMs, finishReason });
  });
  try {
    rejectUnlessServing(options);
    const body = await readBody(request);
    rejectUnlessServing(options);
    if (isFlawed(options.config, body))
      throw new ApiError(500, 'InternalServerError', 'EngineCore encountered an issue.');
    if (!response.destroyed) handle = start(options, kind, body, requestId, response);
  } catch (error) {
    sendError(response, error);
  }
}

/** Whether the version fails with this request, which it then does each time that it is tried. */
function isFlawed({ errorRatio, version = '' }: InferenceConfig, body: string): boolean {
  return errorRatio > 0 && hash('sha256', `${version}\n${body}`, 'buffer').readUInt32BE() / 2 ** 32 < errorRatio;
}

function rejectUnlessServing({ service, isDraining }: ServerOptions): void {
  if (!service.ready) throw new ApiError(503, 'ServiceUnavailableError', 'The model is still loading.');
  if (isDraining()) throw new ApiError(503, 'ServiceUnavailableError', 'The server is shutting down.');
}

function start(
  { config, service, random, clock }: ServerOptions,
  kind: 'chat' | 'text',
  body: string,
  requestId: string,
  response: ServerResponse,
): RequestHandle {
  const { prompt, maxTokens, stream, ...reported } = parseCompletion(kind, body, config.model);
  const promptTokens = countTokens(prompt);
  const id = `${kind === 'chat' ? 'chatcmpl' : 'cmpl'}-${requestId}`;
  const created = Math.floor(clock.date().getTime() / 1000);
  const head: ResponseHead = { ...reported, kind, id, model: config.model, created, promptTokens };
  const writer: ResponseWriter = stream
    ? streamedResponse(response, head)
    : unstreamedResponse(json => sendJson(response, 200, json), head);
  const wordAt = outputWords(random, prompt);
  const finishReason = maxTokens === undefined ? 'stop' : 'length';
  const result = service.submit({
    promptTokens,
    ...(config.prefixCaching && { blocks: prefixBlocks(prompt, config.kvBlockTokens) }),
    maxTokens: maxTokens ?? DEFAULT_OUTPUT_TOKENS,
    finishReason,
    onToken: (index, last) => {
      writer.word(wordAt(index), index);
      if (last) writer.end(finishReason, index + 1);
    },
  });
  if (result.kind === 'rejected') throw badRequest(result.reason, 'max_tokens');
  if (stream) {
    const headers = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' };
    response.writeHead(200, headers);
    sendHead(response);
  }
  return result.handle;
}

/** Reads a request body. An oversized one is read to its end and discarded, so that the client sees the 413. */
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
    throw new ApiError(
      413,
      'RequestEntityTooLargeError',
      `The request body exceeds the limit of ${MAX_BODY_BYTES} bytes.`,
    );
  return Buffer.concat(chunks).toString('utf8');
}

function modelList({ model, maxModelLen }: InferenceConfig) {
  return {
    object: 'list',
    data: [{ id: model, object: 'model', created: 0, owned_by: 'squall', max_model_len: maxModelLen }],
  };
}

/** Sends the head alone. `flushHeaders` would encode its bytes beyond ASCII as UTF-8. */
function sendHead(response: ServerResponse): void {
  response.write(Buffer.alloc(0));
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
  // As bytes, since Node would encode the head like a text body, and with it the bytes of a client's request id.
  response.end(Buffer.from(text));
}
