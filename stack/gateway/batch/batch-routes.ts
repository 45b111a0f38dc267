import { isUtf8 } from 'node:buffer';
import { requestTarget } from '../../../harness/http/request-target.ts';
import { ApiError, sendJson, unavailable } from '../http/api-error.ts';
import type { Exchange, Stage } from '../http/exchange.ts';
import { type BodyContext, readBody } from '../http/request-body.ts';
import type { BatchService } from './batch-service.ts';
import { parseForm } from './multipart.ts';
import { parseBatchRequest } from './new-batch.ts';
import { type BatchRecord, batchJson, type FileRecord, fileJson, hasEnded } from './records.ts';

/** Method and stages of a path. */
interface BatchRoute {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly stages: readonly Stage[];
  /** What the path is called in metrics and logs. */
  readonly label: string;
  /** Further methods of the path. */
  readonly alternatives?: readonly BatchRoute[];
}

interface RoutesContext {
  readonly batch: BatchService;
  readonly bodyContext: BodyContext;
  /** Stages before those of batches: who it is, and whether it may. */
  readonly before: readonly Stage[];
}

/** Form fields around a file. */
const FORM_BYTES = 8192;
const ID = '([\\w-]{1,80})';

/** Routes of `/v1/files` and `/v1/batches`, by path. */
export function batchRoutes(context: RoutesContext): (path: string) => BatchRoute | undefined {
  const { before } = context;
  const route = (method: BatchRoute['method'], label: string, serve: Serve): BatchRoute => ({
    method,
    label,
    stages: [...before, exchange => served(exchange, context, serve)],
  });
  const fixed: Readonly<Record<string, BatchRoute>> = {
    '/v1/files': { ...route('GET', '/v1/files', listFiles), alternatives: [route('POST', '/v1/files', upload)] },
    '/v1/batches': {
      ...route('GET', '/v1/batches', listBatches),
      alternatives: [route('POST', '/v1/batches', create)],
    },
  };
  const patterns: readonly (readonly [RegExp, BatchRoute])[] = [
    [
      new RegExp(`^/v1/files/${ID}$`),
      { ...route('GET', '/v1/files/{id}', getFile), alternatives: [route('DELETE', '/v1/files/{id}', removeFile)] },
    ],
    [new RegExp(`^/v1/files/${ID}/content$`), route('GET', '/v1/files/{id}/content', getContent)],
    [new RegExp(`^/v1/batches/${ID}$`), route('GET', '/v1/batches/{id}', getBatch)],
    [new RegExp(`^/v1/batches/${ID}/cancel$`), route('POST', '/v1/batches/{id}/cancel', cancel)],
  ];
  return path => fixed[path] ?? patterns.find(([pattern]) => pattern.test(path))?.[1];
}

type Serve = (exchange: Exchange, context: RoutesContext) => Promise<object | Buffer>;

/** Sends what a route returns. @throws ApiError 503 without the store */
async function served(exchange: Exchange, context: RoutesContext, serve: Serve): Promise<void> {
  let found: object | Buffer;
  try {
    found = await serve(exchange, context);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    exchange.reason = 'batch-store';
    const message = 'Files and batches are not available at the moment. Send the request again.';
    throw unavailable('batch_unavailable', message);
  }
  if (!Buffer.isBuffer(found)) return sendJson(exchange.response, 200, JSON.stringify(found), exchange.headers());
  const headers = ['content-type', 'application/octet-stream', 'content-length', String(found.length)];
  exchange.response.writeHead(200, [...headers, ...exchange.headers()]).end(found);
}

async function upload({ request, caller }: Exchange, { batch, bodyContext }: RoutesContext): Promise<object> {
  const { maxFileBytes, keepMs } = batch.config;
  const body = await readBody(request, { ...bodyContext, maxBytes: maxFileBytes + FORM_BYTES });
  const parts = parseForm(request.headers['content-type'], body);
  const unknown = parts.find(({ name }) => name !== 'file' && name !== 'purpose');
  if (unknown) throw invalid(unknown.name, 'Expected only the parts `file` and `purpose`.');
  const file = parts.find(({ name }) => name === 'file');
  const purpose = parts.find(({ name }) => name === 'purpose')?.content.toString();
  if (purpose !== 'batch') throw invalid('purpose', 'Expected `purpose` to be batch.');
  if (!file) throw invalid('file', 'Expected a part `file`.');
  const { content, filename: name = 'file' } = file;
  if (content.length > maxFileBytes)
    throw new ApiError(
      413,
      'file_too_large',
      `The file has ${content.length} bytes; the limit is ${maxFileBytes}.`,
      'file',
    );
  if (!isUtf8(content)) throw invalid('file', 'Expected the file to be text in UTF-8.');
  const createdMs = await batch.ledger.nowMs();
  const created = { id: newName('file-', batch), tenant: caller, name: name.slice(0, 255), purpose, createdMs };
  await twice(() => batch.files.create({ ...created, content }));
  return fileJson({ ...created, bytes: content.length }, keepMs);
}

async function create({ request, caller }: Exchange, { batch, bodyContext }: RoutesContext): Promise<object> {
  const wanted = parseBatchRequest(await readBody(request, bodyContext));
  const created = { ...wanted, id: newName('batch_', batch), tenant: caller, createdMs: await batch.ledger.nowMs() };
  await twice(() => batch.batches.create(created));
  batch.wake();
  return batchJson((await batch.batches.get(caller, created.id))!);
}

async function getFile(exchange: Exchange, { batch }: RoutesContext): Promise<object> {
  return fileJson(await fileIn(exchange, batch), batch.config.keepMs);
}

async function getContent(exchange: Exchange, { batch }: RoutesContext): Promise<Buffer> {
  const { id } = await fileIn(exchange, batch);
  const content = await batch.files.content(id);
  if (!content) throw new ApiError(404, 'file_not_found', 'The content of this file cannot be read.', 'id');
  return content;
}

async function removeFile(exchange: Exchange, { batch }: RoutesContext): Promise<object> {
  const file = await fileIn(exchange, batch);
  if (await batch.files.remove(file)) return { id: file.id, object: 'file', deleted: true };
  throw new ApiError(409, 'file_in_use', 'A batch that has not ended needs this file.');
}

async function getBatch(exchange: Exchange, { batch }: RoutesContext): Promise<object> {
  return batchJson(await batchIn(exchange, batch));
}

async function cancel(exchange: Exchange, { batch }: RoutesContext): Promise<object> {
  let found = await batchIn(exchange, batch);
  // Its state may change meanwhile.
  while (found.status === 'validating' || found.status === 'in_progress') {
    await batch.batches.cancel(found, await batch.ledger.nowMs());
    found = await batchIn(exchange, batch);
  }
  if (hasEnded(found.status) || found.status === 'finalizing')
    throw new ApiError(409, 'batch_not_cancellable', `A batch that is ${found.status} cannot be cancelled.`);
  batch.wake();
  return batchJson(found);
}

async function listFiles(exchange: Exchange, { batch }: RoutesContext): Promise<object> {
  const { files, config } = batch;
  const query = new URLSearchParams(exchange.query);
  const ids = await files.ids(exchange.caller);
  if (query.get('order') === 'asc') ids.reverse();
  const purpose = query.get('purpose');
  const find = async (id: string) => {
    const file = await files.get(exchange.caller, id);
    return file && (purpose === null || file.purpose === purpose) ? fileJson(file, config.keepMs) : undefined;
  };
  return page(ids, query, 10_000, 10_000, find);
}

async function listBatches(exchange: Exchange, { batch }: RoutesContext): Promise<object> {
  const ids = await batch.batches.ids(exchange.caller);
  const find = async (id: string) => {
    const found = await batch.batches.get(exchange.caller, id);
    return found && batchJson(found);
  };
  return page(ids, new URLSearchParams(exchange.query), 20, 100, find);
}

/** One page of a list: `limit` entries after the one with the id `after`. */
async function page(
  ids: readonly string[],
  query: URLSearchParams,
  usual: number,
  most: number,
  find: (id: string) => Promise<object | undefined>,
): Promise<object> {
  const [limit, after] = [Number(query.get('limit') ?? usual), query.get('after')];
  if (!Number.isInteger(limit) || limit < 1 || limit > most)
    throw invalid('limit', `Expected \`limit\` to be 1 to ${most}.`);
  const from = after === null ? 0 : ids.indexOf(after) + 1;
  if (after !== null && from === 0) throw invalid('after', 'Expected `after` to be an id of the list.');
  const data: object[] = [];
  let at = from;
  for (; at < ids.length && data.length < limit; at += 1) {
    const found = await find(ids[at]!);
    if (found) data.push(found);
  }
  const idOf = (entry: object | undefined) => (entry as { readonly id: string } | undefined)?.id ?? null;
  return { object: 'list', data, has_more: at < ids.length, first_id: idOf(data[0]), last_id: idOf(data.at(-1)) };
}

/** The file of a request's path. @throws ApiError 404 where its caller has none of this id */
async function fileIn({ request, caller }: Exchange, { files }: BatchService): Promise<FileRecord> {
  const id = idIn(request);
  const file = await files.get(caller, id);
  if (file) return file;
  throw new ApiError(404, 'file_not_found', `No such file: ${id}.`, 'id');
}

/** The batch of a request's path. @throws ApiError 404 where its caller has none of this id */
async function batchIn({ request, caller }: Exchange, { batches }: BatchService): Promise<BatchRecord> {
  const id = idIn(request);
  const batch = await batches.get(caller, id);
  if (batch) return batch;
  throw new ApiError(404, 'batch_not_found', `No such batch: ${id}.`, 'id');
}

function idIn(request: Exchange['request']): string {
  return requestTarget(request)!.path.split('/')[3]!;
}

function newName(prefix: string, { newId }: BatchService): string {
  return `${prefix}${newId().replaceAll('-', '')}`;
}

/** Does what can be done again with the same result: the first attempt may have succeeded without a reply. */
async function twice(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (error instanceof ApiError) throw error;
    await run();
  }
}

function invalid(param: string, message: string): ApiError {
  return new ApiError(400, 'invalid_value', message, param);
}
