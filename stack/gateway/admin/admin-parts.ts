import type { GatewayConfig } from '../config.ts';
import type { Connections } from '../connections/connections.ts';
import type { ForwardContext } from '../forward/forward.ts';
import type { Lifecycle } from '../http/exchange.ts';
import type { Identity } from '../identity/identity.ts';
import type { Fleet } from '../upstream/fleet.ts';
import type { Upstream } from '../upstream/upstreams.ts';

/** What the admin API shows and changes. */
export interface AdminParts {
  readonly config: GatewayConfig;
  readonly fleet: Fleet;
  readonly forwardContext: ForwardContext;
  readonly lifecycle: Lifecycle;
  readonly connections: Connections;
  readonly identity: Identity | undefined;
  /** Last failure for which each upstream was ejected. */
  readonly ejectedFor: WeakMap<Upstream, string>;
}
