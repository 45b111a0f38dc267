import type { Clock } from '../../../harness/clock.ts';
import { ApiError, sendJson } from '../http/api-error.ts';
import type { Stage } from '../http/exchange.ts';
import type { Accounting } from './accounting.ts';

const MS_PER_DAY = 86_400_000;
/** Days in one response, at most. */
const MAX_DAYS = 366;
const DEFAULT_DAYS = 30;

/**
 * Stage of `GET /v1/usage?from=2026-11-01&to=2026-11-30`: the caller's own usage by day (UTC) and model, by default of the last 30 days.
 * @throws ApiError 400 that names the parameter, 503 without Redis; from the returned stage
 */
export function usageStage(accounting: Accounting, clock: Clock): Stage {
  return async exchange => {
    const query = new URLSearchParams(exchange.query);
    const today = Math.floor(clock.date().getTime() / MS_PER_DAY);
    const to = dayOf(query, 'to') ?? today;
    const from = dayOf(query, 'from') ?? to - DEFAULT_DAYS + 1;
    if (from > to || to - from >= MAX_DAYS)
      throw invalid('from', `Expected \`from\` to be at most ${MAX_DAYS - 1} days before \`to\`, and not after it.`);
    const days = Array.from({ length: to - from + 1 }, (_, nth) => textOf(from + nth));
    const usage = await accounting.usage(exchange.caller, days);
    sendJson(exchange.response, 200, JSON.stringify(usage), [...exchange.headers(), 'cache-control', 'no-store']);
  };
}

/** Days since 1970; undefined if it is not given. */
function dayOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  const day = Date.parse(`${text}T00:00:00Z`) / MS_PER_DAY;
  if (/^\d{4}-\d\d-\d\d$/.test(text) && textOf(day) === text) return day;
  throw invalid(name, `Expected \`${name}\` to be a day such as 2026-11-29, got ${JSON.stringify(text.slice(0, 32))}.`);
}

function textOf(day: number): string {
  const date = new Date(day * MS_PER_DAY);
  return Number.isNaN(date.getTime()) ? '' : date.toISOString().slice(0, 10);
}

function invalid(param: string, message: string): ApiError {
  return new ApiError(400, 'invalid_value', message, param);
}
