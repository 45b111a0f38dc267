import { parseDurationMs } from '../../harness/quantity.ts';
import { badScenario } from '../bad-scenario.ts';

/**
 * `[min, max]`, or one duration for both, in ms.
 * @throws SquallError that names the field
 */
export function rangeMs(range: string | readonly [string, string], field: string): readonly [number, number] {
  const [min, max] = typeof range === 'string' ? [range, range] : range;
  const bounds = [parseDurationMs(min, field), parseDurationMs(max, field)] as const;
  if (bounds[0] > bounds[1]) throw badScenario(field, '[min, max] with min ≤ max', range);
  return bounds;
}
