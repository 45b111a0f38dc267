import type { Failure } from './failure.ts';
import type { UpstreamResponse } from './relay.ts';

/**
 * How an attempt ended. `committed`: the client has received bytes of the response, so no further attempt is possible. `response`: what
 * the upstream sent, if the client may get it when no further attempt follows.
 */
export type AttemptResult =
  | { readonly kind: 'completed'; readonly status: number }
  | { readonly kind: 'cancelled' }
  | {
      readonly kind: 'failed';
      readonly failure: Failure;
      readonly committed: boolean;
      /** Whether the client got a proper end all the same. */
      readonly isFinished: boolean;
      readonly response?: UpstreamResponse;
    };
