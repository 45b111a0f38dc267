import { urlToHttpOptions } from 'node:url';
import { requestOver } from './http-client.ts';
import type { Network } from './network.ts';

/** A short request with a JSON body. */
export interface ShortRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  /** In addition to those of the body. @default none */
  readonly headers?: Readonly<Record<string, string>>;
  /** Any JSON value. @default none */
  readonly body?: unknown;
  /** Characters of the response to keep. @default 4096 */
  readonly maxCharacters?: number;
}

/** Its response. `text`: the first characters of the body, up to {@link ShortRequest.maxCharacters}. */
export interface ShortResponse {
  readonly status: number;
  readonly text: string;
}

/**
 * Sends a request to a service at `origin` (`http://host:port`), on a connection of its own, and reads the response to its end.
 * @throws without a complete response: refused, reset, closed, or the signal's reason on abort
 */
export function send(
  origin: string,
  { method, path, headers: extra, body, maxCharacters = 4096 }: ShortRequest,
  signal: AbortSignal,
  network: Network,
): Promise<ShortResponse> {
  const json = body === undefined ? '' : JSON.stringify(body);
  const { hostname, port } = urlToHttpOptions(new URL(origin));
  const headers = { ...extra, 'content-type': 'application/json', 'content-length': Buffer.byteLength(json) };
  return new Promise((resolve, reject) => {
    const request = requestOver(
      network,
      { host: hostname!, port: Number(port || 80), path, method, headers, signal },
      response => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          if (text.length < maxCharacters) text = (text + chunk).slice(0, maxCharacters);
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
        response.on('error', reject);
      },
    );
    request.on('error', reject).end(json);
  });
}
