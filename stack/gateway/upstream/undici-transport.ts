import { type Dispatcher, Pool } from 'undici';
import type { Machine } from '../../../harness/host/network.ts';
import { connectorOver } from '../../connector.ts';
import type { Transport, UpstreamCall, UpstreamHandler, UpstreamHeaders } from './transport.ts';

interface UndiciTransportOptions {
  /** Timeout for connecting a socket. */
  readonly connectMs: number;
  /** Maximum number of sockets. */
  readonly maxConnections: number;
}

/**
 * Transport over a pool of keep-alive HTTP/1.1 connections, one request at a time on each. Its only timeout is for connecting; the
 * gateway cancels requests at their deadlines.
 */
export function undiciTransport(url: string, options: UndiciTransportOptions, machine: Machine): Transport {
  const { origin, pathname } = new URL(url);
  const prefix = pathname.replace(/\/+$/, '');
  const pool = new Pool(origin, {
    connections: options.maxConnections,
    connect: connectorOver(machine, options.connectMs),
    headersTimeout: 0,
    bodyTimeout: 0,
    allowH2: false,
  });
  return {
    send: ({ method, path, headers, body = null }, handler) => {
      const call = new UndiciCall(handler);
      pool.dispatch({ method, path: prefix + path, headers, body }, call);
      return call;
    },
    close: () => pool.destroy(),
  };
}

/** Uses undici's handler interface directly, without a stream, promise or timer per request. */
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
    // Cancelled while waiting for a connection, when undici had no controller yet.
    if (this.#cancelled) controller.abort(new Error('cancelled by the gateway'));
    else this.#handler.onConnected();
  }

  onResponseStart(_controller: unknown, status: number, headers: Record<string, string | string[] | undefined>): void {
    if (status >= 200) this.#handler.onResponse(status, headers);
  }

  onResponseData(_controller: unknown, chunk: Buffer): void {
    this.#handler.onData(chunk);
  }

  onResponseEnd(_controller: unknown, trailers?: UpstreamHeaders): void {
    this.#handler.onEnd(trailers);
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.#handler.onError(error);
  }
}
