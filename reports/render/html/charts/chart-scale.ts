/** Mapping of values to heights: 0 is the bottom of a chart, 1 its top. */
export interface ValueScale {
  readonly kind: 'linear' | 'log';
  readonly ticks: readonly number[];
  /** Height of a value, not clipped: outside the ticks it is outside 0…1. */
  at(value: number): number;
}

/** Linear scale from zero to a round number at or above `max`; `whole` restricts ticks to integers. */
export function linearScale(max: number, whole = false): ValueScale {
  const step = Math.max(roundStep((max || 1) / 4), whole ? 1 : 0);
  const count = Math.max(1, Math.ceil((max || 1) / step - 1e-9));
  const top = step * count;
  const ticks = Array.from({ length: count + 1 }, (_, index) => Number((index * step).toPrecision(12)));
  return { kind: 'linear', ticks, at: value => value / top };
}

const LOG_STEPS = [[1, 2, 5], [1, 3], [1]];
const MAX_LOG_TICKS = 7;

/** Logarithmic scale between round numbers around `min` and `max`, both above zero. */
function logScale(min: number, max: number): ValueScale {
  const ticksOf = (steps: readonly number[]) => {
    const all: number[] = [];
    for (let power = Math.floor(Math.log10(min)) - 1; power <= Math.ceil(Math.log10(max)) + 1; power += 1) {
      all.push(...steps.map(step => Number((step * 10 ** power).toPrecision(12))));
    }
    const from = all.findLastIndex(tick => tick <= min * 1.0001);
    const to = all.findIndex(tick => tick >= max * 0.9999 && tick > all[from]!);
    return all.slice(from, to + 1);
  };
  const ticks = LOG_STEPS.map(ticksOf).find(list => list.length <= MAX_LOG_TICKS) ?? ticksOf([1]);
  const low = Math.log(ticks[0]!);
  const span = Math.log(ticks.at(-1)!) - low;
  return { kind: 'log', ticks, at: value => (Math.log(Math.max(value, Number.MIN_VALUE)) - low) / span };
}

const LOG_FROM_RATIO = 20;

/** Logarithmic scale for values that span more than a factor of 20, so that small ones remain visible; otherwise linear. */
export function scaleFor(values: readonly number[]): ValueScale {
  const positive = values.filter(value => value > 0);
  const max = Math.max(0, ...positive);
  const min = Math.min(max, ...positive);
  return min > 0 && max / min > LOG_FROM_RATIO ? logScale(min, max) : linearScale(max);
}

const SECOND_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400];

/** Ticks of a time axis with their labels, at most `maxTicks`. */
export function timeTicks(endMs: number, maxTicks: number): { atMs: number; label: string }[] {
  const step = SECOND_STEPS.find(seconds => endMs / 1000 / seconds <= maxTicks) ?? Math.ceil(endMs / 1000 / maxTicks);
  const ticks = [];
  for (let second = 0; second * 1000 <= endMs; second += step) {
    ticks.push({ atMs: second * 1000, label: timeLabel(second, endMs / 1000) });
  }
  return ticks;
}

function timeLabel(second: number, endSeconds: number): string {
  const two = (value: number) => String(value).padStart(2, '0');
  if (endSeconds <= 180) return `${second}\u00a0s`;
  if (endSeconds <= 7200) return `${Math.floor(second / 60)}:${two(second % 60)}\u00a0min`;
  return `${Math.floor(second / 3600)}:${two(Math.floor((second % 3600) / 60))}\u00a0h`;
}

function roundStep(raw: number): number {
  const power = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 5, 10].map(factor => factor * power).find(step => step >= raw * 0.9999)!;
}
