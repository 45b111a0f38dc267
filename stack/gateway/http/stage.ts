import type { Exchange } from './exchange.ts';

/** One step of a request. It ends the request by answering as the last stage, or by throwing an ApiError. */
export type Stage = (exchange: Exchange) => Promise<void> | void;
