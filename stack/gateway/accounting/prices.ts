import type { AccountingConfig, Price } from './config.ts';

/** Tokens of a response. `cached` are among those of the prompt. */
export interface Tokens {
  readonly prompt: number;
  readonly cached: number;
  readonly completion: number;
}

/** Of a response without any. */
export const NO_TOKENS: Tokens = { prompt: 0, cached: 0, completion: 0 };

const MS_PER_HOUR = 3_600_000;
const MICRO = 1_000_000;
/** Less than any price has digits: sums of floats that are whole numbers but for their last bits are not rounded up. */
const ROUNDING = 1e-6;

/** Prices of a model. */
export function priceOf({ prices, models }: AccountingConfig, model: string): Price {
  return Object.hasOwn(models, model) ? models[model]! : prices;
}

/** Cost of a request in millionths of a credit, rounded up. @param gpuMs time of a GPU */
export function costOf(
  { prompt, cached = prompt, completion, gpuHour = 0 }: Price,
  tokens: Tokens,
  gpuMs: number,
): number {
  // A price for a million tokens in credits is that of one in millionths.
  const ofTokens = (tokens.prompt - tokens.cached) * prompt + tokens.cached * cached + tokens.completion * completion;
  return Math.ceil(ofTokens + (gpuMs / MS_PER_HOUR) * gpuHour * MICRO - ROUNDING);
}
