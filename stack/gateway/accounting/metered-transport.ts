import { withField } from '../http/json-field.ts';
import type { Transport, UpstreamHandler, UpstreamHeaders } from '../upstream/transport.ts';
import type { AccountingConfig } from './config.ts';
import { Meter, type Stripped } from './meter.ts';

/** What a client requested of a stream's usage, by OpenAI's `stream_options` and vLLM's extension of them. */
export interface RequestedUsage {
  readonly isStreamed: boolean;
  readonly include: boolean;
  readonly continuous: boolean;
  /** Fields of the request. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** What a request asks for. */
export function requestedUsage(fields: Readonly<Record<string, unknown>>, isStreamed: boolean): RequestedUsage {
  const options = (fields.stream_options ?? {}) as Readonly<Record<string, unknown>>;
  const include = options.include_usage === true;
  return { isStreamed, include, continuous: include && options.continuous_usage_stats === true, fields };
}

/**
 * A transport that reads the usage of the response. So that there is one, streams are requested to report it: at their end (`final`, OpenAI's
 * `include_usage`), or in every event (`continuous`, vLLM's `continuous_usage_stats`), by which it is known of those that end early too. The client gets what it asked for.
 */
export function meteredTransport(
  transport: Pick<Transport, 'send'>,
  requested: RequestedUsage,
  streamUsage: AccountingConfig['streamUsage'],
): { readonly transport: Pick<Transport, 'send'>; readonly meter: Meter } {
  const meter = new Meter(requested.isStreamed, strippedOf(requested, streamUsage));
  return {
    meter,
    transport: {
      send: (request, handler) => {
        const body = request.body && withUsage(request.body, requested, streamUsage);
        return transport.send({ ...request, ...(body && { body }) }, metered(meter, handler));
      },
    },
  };
}

function strippedOf({ include, continuous }: RequestedUsage, streamUsage: AccountingConfig['streamUsage']): Stripped {
  if (streamUsage === 'off' || continuous) return 'nothing';
  return include ? 'steps' : 'all';
}

function withUsage(body: Buffer, requested: RequestedUsage, streamUsage: AccountingConfig['streamUsage']): Buffer {
  const { isStreamed, include, continuous, fields } = requested;
  const isEnough = streamUsage === 'continuous' ? continuous : include;
  if (!isStreamed || streamUsage === 'off' || isEnough) return body;
  const options = {
    ...(fields.stream_options as object | null | undefined),
    include_usage: true,
    ...(streamUsage === 'continuous' && { continuous_usage_stats: true }),
  };
  // The guard may have added a field since it was read.
  const current = 'stream_options' in fields ? (JSON.parse(body.toString('utf8')) as Record<string, unknown>) : {};
  return withField(body, current, 'stream_options', options);
}

function metered(meter: Meter, handler: UpstreamHandler): UpstreamHandler {
  const pass = (bytes: Buffer) => {
    if (bytes.length > 0) handler.onData(bytes);
  };
  return {
    onConnected: () => handler.onConnected(),
    onResponse: (status: number, headers: UpstreamHeaders) => handler.onResponse(status, meter.begin(status, headers)),
    onData: chunk => pass(meter.push(chunk)),
    onEnd: trailers => {
      pass(meter.end());
      handler.onEnd(trailers);
    },
    onError: error => handler.onError(error),
  };
}
