import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request as the server got it. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Since the server was started, in ms. */
  readonly atMs: number;
  /** How many requests came before. */
  readonly order: number;
}

/** A server in this process; what it was asked is kept. */
export interface Server extends AsyncDisposable {
  readonly url: string;
  readonly asked: readonly Asked[];
}

/** Serves on a free port of 127.0.0.1. */
export async function serve(answer: (asked: Asked, response: ServerResponse) => void): Promise<Server> {
  const asked: Asked[] = [];
  const start = performance.now();
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = '', url = '', headers } = request;
    const body = Buffer.concat(chunks).toString();
    const one = { method, path: url, headers, body, atMs: performance.now() - start, order: asked.length };
    asked.push(one);
    answer(one, response);
  });
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 });
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A streamed chat completion of two tokens. */
export function stream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const chunk = (delta: object, reason: string | null = null) =>
    `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: reason }] })}\n\n`;
  response.end(`${chunk({ content: 'a' })}${chunk({ content: 'b' })}${chunk({}, 'stop')}data: [DONE]\n\n`);
}
