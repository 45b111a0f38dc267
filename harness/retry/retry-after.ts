/** Milliseconds, as OpenAI and Azure send them beside or instead of `Retry-After`; more precise, so they come first. */
const MILLISECONDS = ['retry-after-ms', 'x-ms-retry-after-ms'];
const NUMBER = /^(?:\d+(?:\.\d*)?|\.\d+)$/;
/** The three forms of RFC 9110, section 5.6.7, and ISO 8601. */
const DATE = /^(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,? .*\d\d:\d\d:\d\d|\d{4}-\d\d-\d\dt\d\d:\d\d:\d\d)/i;

/**
 * The wait before the next attempt that a response asks for, in ms: `retry-after-ms`, or `Retry-After` as seconds, also with a
 * fraction, or as a date. A date counts from the response's own `Date`, so that clocks need not agree.
 *
 * @param header finds a header of the response by its name in lower case
 * @param nowMs wall clock in ms since 1970, for a response without `Date`
 * @returns 0 without such a header, for a date in the past, and for what is no time
 */
export function retryAfterMs(header: (name: string) => string | undefined, nowMs: number): number {
  for (const name of MILLISECONDS) {
    const text = header(name)?.trim() ?? '';
    if (NUMBER.test(text)) return Number(text);
  }
  const text = header('retry-after')?.trim() ?? '';
  if (NUMBER.test(text)) return Number(text) * 1000;
  const untilMs = dateOf(text);
  if (untilMs === undefined) return 0;
  return Math.max(0, untilMs - (dateOf(header('date')?.trim() ?? '') ?? nowMs));
}

/** Instant of an HTTP date in ms since 1970; undefined for another text. */
function dateOf(text: string): number | undefined {
  if (!DATE.test(text)) return undefined;
  // A date in the form of `asctime` names no zone and is UTC.
  const ms = Date.parse(/(gmt|utc|z|[+-]\d\d:?\d\d)$/i.test(text) ? text : `${text} GMT`);
  return Number.isNaN(ms) ? undefined : ms;
}
