const MINUTE_MS = 60_000;
/** Expressions that never come true within it are taken for ones that never do. */
const HORIZON_DAYS = 366;

const RANGES = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 7],
] as const;
const NAMES = ['', '', '', 'JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC', 'SUN MON TUE WED THU FRI SAT'];

/** Values that each field of an expression allows, and whether it restricts anything. */
type Fields = readonly { readonly values: ReadonlySet<number>; readonly isAny: boolean }[];

/** Whether a text is a cron expression of five fields: numbers, names, lists, ranges and steps. */
export function isCron(text: string): boolean {
  return parseCron(text) !== undefined;
}

/**
 * Whether `at` lies between a time of `start` and the next one of `end`: the next end comes before the next start.
 * @param start a cron expression in `timezone` @throws RangeError for a text that is none
 */
export function isBetween(start: string, end: string, timezone: string, at: Date): boolean {
  const next = (text: string) => nextTime(text, timezone, at);
  return next(end) < next(start);
}

/** The last times that were looked for: each holds until it has come. */
const found = new Map<string, { readonly fromMs: number; readonly nextMs: number }>();
const MAX_FOUND = 1000;

/** The first minute after `at` that an expression allows, in ms since 1970; infinite if there is none within a year. */
function nextTime(text: string, timezone: string, at: Date): number {
  const key = `${timezone} ${text}`;
  const known = found.get(key);
  const atMs = at.getTime();
  if (known && known.fromMs <= atMs && atMs < known.nextMs) return known.nextMs;
  const nextMs = searchedTime(text, timezone, at);
  if (found.size >= MAX_FOUND) found.clear();
  found.set(key, { fromMs: atMs, nextMs });
  return nextMs;
}

function searchedTime(text: string, timezone: string, at: Date): number {
  const fields = parseCron(text);
  if (!fields) throw new RangeError(`Expected a cron expression, got ${text}`);
  const [minutes, hours] = fields;
  const firstMs = Math.floor(at.getTime() / MINUTE_MS + 1) * MINUTE_MS;
  const lastMs = firstMs + HORIZON_DAYS * 1440 * MINUTE_MS;
  for (let ms = firstMs; ms < lastMs; ) {
    const local = localOf(ms, timezone);
    if (!isDay(fields, local)) ms += (1440 - local.hour * 60 - local.minute) * MINUTE_MS || MINUTE_MS;
    else if (!hours!.values.has(local.hour)) ms += (60 - local.minute) * MINUTE_MS;
    else if (minutes!.values.has(local.minute)) return ms;
    else ms += MINUTE_MS;
  }
  return Number.POSITIVE_INFINITY;
}

interface LocalTime {
  readonly minute: number;
  readonly hour: number;
  readonly day: number;
  readonly month: number;
  readonly weekday: number;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function localOf(ms: number, timeZone: string): LocalTime {
  const options = {
    timeZone,
    hourCycle: 'h23',
    minute: '2-digit',
    hour: '2-digit',
    day: 'numeric',
    month: 'numeric',
  } as const;
  const format = formats.get(timeZone) ?? new Intl.DateTimeFormat('en-US', { ...options, weekday: 'short' });
  formats.set(timeZone, format);
  const parts = Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, value]));
  const weekday = NAMES[4]!.split(' ').indexOf(parts.weekday!.toUpperCase());
  return {
    minute: Number(parts.minute),
    hour: Number(parts.hour),
    day: Number(parts.day),
    month: Number(parts.month),
    weekday,
  };
}

/** A restricted day of the month and a restricted weekday are alternatives, as cron has it. */
function isDay([, , days, months, weekdays]: Fields, { day, month, weekday }: LocalTime): boolean {
  if (!months!.values.has(month)) return false;
  const isWeekday = weekdays!.values.has(weekday) || (weekday === 0 && weekdays!.values.has(7));
  if (days!.isAny || weekdays!.isAny) return days!.values.has(day) && isWeekday;
  return days!.values.has(day) || isWeekday;
}

function parseCron(text: string): Fields | undefined {
  const parts = text.trim().split(/\s+/);
  if (parts.length !== RANGES.length) return undefined;
  const fields = parts.map((part, index) => parseField(part, index));
  return fields.includes(undefined) ? undefined : (fields as unknown as Fields);
}

function parseField(text: string, index: number): Fields[number] | undefined {
  const [low, high] = RANGES[index]!;
  const names = NAMES[index]!.split(' ');
  const numberOf = (word: string) => {
    const named = names.indexOf(word.toUpperCase());
    return word !== '' && named >= 0
      ? named + (index === 3 ? 1 : 0)
      : /^\d{1,2}$/.test(word)
        ? Number(word)
        : Number.NaN;
  };
  const values = new Set<number>();
  for (const item of text.split(',')) {
    const [range = '', step = '1', ...more] = item.split('/');
    const [from = '', to, ...others] = range.split('-');
    const first = range === '*' ? low : numberOf(from);
    const last = range === '*' ? high : to === undefined ? (item.includes('/') ? high : first) : numberOf(to);
    const by = numberOf(step);
    if (more.length + others.length > 0 || !(first >= low && last <= high && first <= last && by >= 1))
      return undefined;
    for (let value = first; value <= last; value += by) values.add(value);
  }
  return { values, isAny: text.startsWith('*') };
}
