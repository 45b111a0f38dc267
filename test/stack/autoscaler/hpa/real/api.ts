import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { createInterface } from 'node:readline';

/** What kube-apiserver sent back. */
export interface Reply {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: objects of Kubernetes, of which a few fields are read.
  readonly body: any;
}

/** A name in the certificate that kube-apiserver makes for itself. */
export const SERVER_NAME = 'kubernetes';

/** Where a kube-apiserver listens, and what it and its client show each other. */
export interface Endpoint {
  readonly port: number;
  /** PEM of the certificate that the server is trusted by, for {@link SERVER_NAME}. */
  readonly authority: string;
  readonly token: string;
}

/** Client of a kube-apiserver. */
export interface Api {
  /** Sends an object; for PATCH as a merge patch. A status of any kind is a reply. */
  send(method: string, path: string, body?: object): Promise<Reply>;
  /** Calls `onEvent` for each event of a watch, until `signal` aborts. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  watch(path: string, signal: AbortSignal, onEvent: (type: string, object: any) => void): Promise<void>;
}

const REQUEST_MS = 30_000;

/** Connects to a kube-apiserver on this machine. */
export function apiOf({ port, authority, token }: Endpoint): Api {
  const agent = new Agent({ keepAlive: true, maxSockets: 32, ca: authority, servername: SERVER_NAME });
  const open = (method: string, path: string, body: string, signal?: AbortSignal) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
      const headers = { authorization: `Bearer ${token}`, 'content-type': type };
      const options = { agent, method, path, headers, host: '127.0.0.1', port, ...(signal && { signal }) };
      request(options, resolve).on('error', reject).end(body);
    });
  return {
    async send(method, path, body) {
      const response = await open(method, path, body ? JSON.stringify(body) : '', AbortSignal.timeout(REQUEST_MS));
      const text = (await response.setEncoding('utf8').toArray()).join('');
      const isJson = response.headers['content-type']?.includes('json');
      return { status: response.statusCode!, body: isJson ? JSON.parse(text) : text };
    },
    async watch(path, signal, onEvent) {
      try {
        for await (const line of createInterface(await open('GET', path, '', signal))) {
          const { type, object } = JSON.parse(line);
          onEvent(type, object);
        }
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    },
  };
}
