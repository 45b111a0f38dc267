/** A season of buckets, as far as it is known. All values are means of buckets. */
export interface Forecaster {
  /** Bucket that is being filled, counted from time 0, and what it has so far. */
  readonly index: number;
  readonly sum: number;
  readonly count: number;
  /** Complete buckets, at most two seasons, the newest last. */
  readonly history: readonly number[];
  /** The additive seasonal model, once a season is known: level, and what each bucket of a season differs from it. */
  readonly level?: number;
  readonly seasonal?: readonly number[];
  /** Forecasts that wait for their bucket. */
  readonly open: readonly { readonly index: number; readonly model: number; readonly naive: number }[];
  /** Absolute errors of the last season's forecasts: of the model, and of the last value that was known then. */
  readonly errors: readonly { readonly model: number; readonly naive: number }[];
}

/** What a {@link Forecaster} is made with. */
export interface Season {
  /** Buckets of a season. */
  readonly buckets: number;
  readonly bucketMs: number;
  /** Buckets ahead for which forecasts are made and compared. */
  readonly ahead: number;
}

/** Weights of the newest value: usual ones for a slowly changing pattern. */
const LEVEL_WEIGHT = 0.2;
const SEASON_WEIGHT = 0.4;

/**
 * Takes in a value. A bucket without one counts as forecast, or as the one before it.
 *
 * Holt-Winters' additive seasonal method without trend (Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 8.3), which
 * starts from the first season. From the second on, each forecast is compared with what came, as is the naive one: the last value.
 */
export function observe(before: Forecaster | undefined, value: number, nowMs: number, season: Season): Forecaster {
  const index = Math.floor(nowMs / season.bucketMs);
  let state: Forecaster = before ?? { index, sum: 0, count: 0, history: [], open: [], errors: [] };
  // After a season without any value, what is known says little.
  if (index - state.index > season.buckets) state = { index, sum: 0, count: 0, history: [], open: [], errors: [] };
  while (state.index < index) state = closed(state, season);
  return { ...state, sum: state.sum + value, count: state.count + 1 };
}

/** The highest value of the next `ahead` buckets, the current one included; undefined before a season is known. */
export function forecastOf(state: Forecaster, { ahead, buckets }: Season): number | undefined {
  if (!state.seasonal) return undefined;
  const values = Array.from({ length: ahead + 1 }, (_, step) => at(state, state.index + step, buckets));
  return Math.max(0, ...values);
}

/** Mean absolute errors over the last season; undefined until there are forecasts for a quarter of one. */
export function errorsOf(
  { errors }: Forecaster,
  { buckets }: Season,
): { readonly model: number; readonly naive: number } | undefined {
  if (errors.length < buckets / 4) return undefined;
  const mean = (key: 'model' | 'naive') => errors.reduce((sum, error) => sum + error[key], 0) / errors.length;
  return { model: mean('model'), naive: mean('naive') };
}

function closed(state: Forecaster, { buckets, ahead }: Season): Forecaster {
  const { index, history, open } = state;
  const value =
    state.count > 0 ? state.sum / state.count : state.seasonal ? at(state, index, buckets) : (history.at(-1) ?? 0);
  const due = open.filter(each => each.index === index);
  const errors = due.map(({ model, naive }) => ({ model: Math.abs(model - value), naive: Math.abs(naive - value) }));
  const next = {
    ...learned(state, value, buckets),
    history: [...history, value].slice(-buckets),
    index: index + 1,
    sum: 0,
    count: 0,
  };
  const forecast = {
    index: index + ahead,
    naive: value,
    model: next.seasonal ? at(next, index + ahead, buckets) : Number.NaN,
  };
  return {
    ...next,
    open: [...open.filter(each => each.index > index), ...(next.seasonal ? [forecast] : [])],
    errors: [...state.errors, ...errors].slice(-buckets),
  };
}

function learned(state: Forecaster, value: number, buckets: number): Forecaster {
  const { index, level, seasonal, history } = state;
  if (level === undefined || !seasonal) {
    const season = [...history, value];
    if (season.length < buckets) return state;
    const mean = season.reduce((sum, each) => sum + each, 0) / buckets;
    const first = index - buckets + 1;
    const differences = Array<number>(buckets).fill(0);
    for (const [offset, each] of season.entries()) differences[(first + offset) % buckets] = each - mean;
    return { ...state, level: mean, seasonal: differences };
  }
  const place = index % buckets;
  const usual = seasonal[place]!;
  const nextLevel = LEVEL_WEIGHT * (value - usual) + (1 - LEVEL_WEIGHT) * level;
  const difference = SEASON_WEIGHT * (value - level) + (1 - SEASON_WEIGHT) * usual;
  return { ...state, level: nextLevel, seasonal: seasonal.with(place, difference) };
}

function at({ level = 0, seasonal = [] }: Forecaster, index: number, buckets: number): number {
  return level + (seasonal[index % buckets] ?? 0);
}
