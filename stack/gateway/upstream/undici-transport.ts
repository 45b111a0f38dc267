import { type Dispatcher, Pool } from 'undici';
import type { Transport, UpstreamCall, UpstreamHandler, UpstreamRequest } from './transport.ts';

/** Settings of {@link undiciTransport}. */
export interface UndiciTransportOptions {
  /** Bound on connecting a socket. */
  readonly connectMs: number;
  /** Most sockets at once. */
  readonly maxConnections: number;
}

/**
 * A pool of keep-alive HTTP/1.1 connections, one request at a time on each. It has no timeouts of its own except for
 * connecting: the gateway's deadlines cancel.
 */
export function undiciTransport(url: string, options: UndiciTransportOptions): Transport {
  const { origin, pathname } = new URL(url);
  const prefix = pathname.replace(/\/+$/, '');
  const pool = new Pool(origin, {
    connections: options.maxConnections,
    connect: { timeout: Math.ceil(options.connectMs) },
    headersTimeout: 0,
    bodyTimeout: 0,
    allowH2: false,
  });
  return {
    send: (request, handler) => {
      const call = new UndiciCall(handler);
      pool.dispatch(dispatchOptions(request, prefix), call);
      return call;
    },
    close: () => pool.destroy(),
  };
}

function dispatchOptions(request: UpstreamRequest, prefix: string): Dispatcher.DispatchOptions {
  const { method, path, headers, body } = request;
  return { method, path: prefix + path, headers, body: body ?? null };
}

/** Speaks undici's handler interface directly: no stream object, promise or timer for each request. */
class UndiciCall implements Dispatcher.DispatchHandler, UpstreamCall {
  readonly #handler: UpstreamHandler;
  #controller: Dispatcher.DispatchController | undefined;
  #cancelled = false;

  constructor(handler: UpstreamHandler) {
    this.#handler = handler;
  }

  cancel(): void {
    this.#cancelled = true;
    this.#controller?.abort(new Error('cancelled by the gateway'));
  }

  pause(): void {
    this.#controller?.pause();
  }

  resume(): void {
    this.#controller?.resume();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // Cancelled while it waited for a connection: undici has no handle on it before this moment.
    if (this.#cancelled) controller.abort(new Error('cancelled by the gateway'));
    else this.#handler.connected();
  }

  onResponseStart(_controller: unknown, status: number, headers: Record<string, string | string[] | undefined>): void {
    if (status >= 200) this.#handler.answered(status, headers);
  }

  onResponseData(_controller: unknown, chunk: Buffer): void {
    this.#handler.data(chunk);
  }

  onResponseEnd(): void {
    this.#handler.ended();
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.#handler.failed(error);
  }
}
