import type { Exchange } from './exchange.ts';

/** One step of a request's pipeline. The last stage sends the response; any stage can end the request by throwing an ApiError. */
export type Stage = (exchange: Exchange) => Promise<void> | void;
