import { parseDurationMs } from '../../harness/quantity.ts';
import { badScenario } from '../bad-scenario.ts';

/**
 * `[least, most]`, or one duration for both, in ms.
 * @throws SquallError that names the field
 */
export function rangeMs(range: string | readonly [string, string], field: string): readonly [number, number] {
  const [least, most] = typeof range === 'string' ? [range, range] : range;
  const bounds = [parseDurationMs(least, field), parseDurationMs(most, field)] as const;
  if (bounds[0] > bounds[1]) throw badScenario(field, '[least, most] with least at most most', range);
  return bounds;
}
