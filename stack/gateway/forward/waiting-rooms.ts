import type { Registry } from 'prom-client';
import type { Clock } from '../../../harness/clock.ts';
import { Admission } from '../admission/admission.ts';
import type { GatewayConfig } from '../config.ts';
import type { UpstreamSet } from '../upstream/upstreams.ts';
import type { Deadlines } from './deadlines.ts';
import { NO_ROOM, NO_UPSTREAM, type QueueKind, type QueueOptions, RequestQueue } from './queue.ts';

interface WaitingRoomsParts {
  readonly upstreams: UpstreamSet;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly registry: Registry;
}

/** Where requests wait before they go to an upstream; undefined where it is off. */
export interface WaitingRooms {
  readonly queue: RequestQueue | undefined;
  readonly bulkhead: RequestQueue | undefined;
  readonly admission: Admission | undefined;
}

/** Opens the places where requests wait, as configured. */
export function openWaitingRooms(config: GatewayConfig, parts: WaitingRoomsParts): WaitingRooms {
  const { queue, bulkhead, admission } = config;
  const open = (options: QueueOptions, kind: QueueKind) => new RequestQueue({ options, kind, ...parts });
  const room = () => parts.upstreams.room();
  return {
    queue: queue === 'off' ? undefined : open(queue, NO_UPSTREAM),
    // Its bound is that of all requests in progress, not of those without an output.
    bulkhead: bulkhead === 'off' ? undefined : open({ ...bulkhead, perUpstream: Number.POSITIVE_INFINITY }, NO_ROOM),
    admission: admission === 'off' ? undefined : new Admission({ config: admission, room, ...parts }),
  };
}
