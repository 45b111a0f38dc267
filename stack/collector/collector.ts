import type { IncomingMessage, ServerResponse } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { messageOf } from '../../harness/errors.ts';
import { requestTarget } from '../../harness/http/request-target.ts';
import type { SpanRecord } from '../../harness/tracing/span.ts';
import type { CollectorConfig } from './config.ts';
import { readSpans } from './otlp.ts';

/** Path of traces in OTLP/HTTP. */
export const TRACES_PATH = '/v1/traces';

interface CollectorOptions {
  readonly config: CollectorConfig;
  /** Keeps a span. */
  readonly keep: (span: SpanRecord) => void;
}

/** Response to a request: its status, and a JSON document. */
interface Reply {
  readonly status: number;
  readonly body: object;
}

/**
 * Receiver of OTLP/HTTP in JSON, without its listening socket: `POST /v1/traces`, also compressed by gzip, as the specification demands of servers. Binary protobuf is
 * refused. Spans beyond its bound, and those that are none, are rejected by `partialSuccess`, so that their sender can count them.
 */
export class Collector {
  readonly #options: CollectorOptions;
  #bytes = 0;

  constructor(options: CollectorOptions) {
    this.#options = options;
  }

  /** Handles one request. Never rejects. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, body } = await this.#reply(request).catch(error => failed(400, messageOf(error)));
    if (response.destroyed) return;
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  }

  async #reply(request: IncomingMessage): Promise<Reply> {
    const path = requestTarget(request)?.path;
    if (path === '/readyz') return { status: 200, body: { status: 'ready' } };
    if (path !== TRACES_PATH) return failed(404, `The only path is ${TRACES_PATH}.`);
    if (request.method !== 'POST') return failed(405, 'This path accepts only POST.');
    const type = request.headers['content-type'] ?? '';
    if (!/^application\/json\b/i.test(type))
      return failed(415, `Expected content-type application/json, got ${JSON.stringify(type)}.`);
    const text = await this.#read(request);
    if (text === undefined) return failed(413, `The body exceeds ${this.#options.config.maxBodyBytes} bytes.`);
    return this.#take(text);
  }

  /** The body; undefined if it is too long. @throws Error if it cannot be unpacked */
  async #read(request: IncomingMessage): Promise<string | undefined> {
    const { maxBodyBytes } = this.#options.config;
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxBodyBytes) return undefined;
      chunks.push(chunk);
    }
    const body = Buffer.concat(chunks);
    if (request.headers['content-encoding'] !== 'gzip') return body.toString('utf8');
    return gunzipSync(body, { maxOutputLength: maxBodyBytes }).toString('utf8');
  }

  #take(text: string): Reply {
    const { config, keep } = this.#options;
    const { spans, rejected } = readSpans(text);
    let overflow = 0;
    for (const span of spans) {
      const bytes = JSON.stringify(span).length;
      if (this.#bytes + bytes > config.maxBytes) overflow += 1;
      else {
        this.#bytes += bytes;
        keep(span);
      }
    }
    if (rejected + overflow === 0) return { status: 200, body: {} };
    const errorMessage = overflow > 0 ? `The collector holds at most ${config.maxBytes} bytes.` : 'Not a span.';
    const partialSuccess = { rejectedSpans: `${rejected + overflow}`, errorMessage };
    return { status: 200, body: { partialSuccess } };
  }
}

/** Failure in the form of `google.rpc.Status`, as OTLP has it. */
function failed(status: number, message: string): Reply {
  return { status, body: { code: 3, message } };
}
