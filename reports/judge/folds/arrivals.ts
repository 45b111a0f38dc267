import type { Ramp } from '../../../harness/arrivals/arrivals.ts';
import type { Requests } from '../../../harness/requests.ts';
import type { Columns } from '../../store/requests/chunk-columns.ts';
import { type Folding, folded } from './folding.ts';
import { MAX_LATE_P99_MS } from './lateness.ts';

/** Arrivals of a load, as gates compare them with its plan. */
export interface Arrivals {
  /** Records but those of later turns of a session. */
  readonly first: number;
  /** The largest index of a record, and one; 0 without records. */
  readonly numbered: number;
  /** Arrivals of each stage, in the order of their first, and those of them that were sent before it ended. */
  readonly stages: ReadonlyMap<string, { readonly arrivals: number; readonly sent: number }>;
}

/** Counts arrivals. */
export function arrivalsFold(ramps: readonly Ramp[]): Folding<Arrivals> {
  const endsMs = new Map(ramps.map(({ name, toMs }) => [name, toMs]));
  const stages = new Map<string, { arrivals: number; sent: number; readonly endMs: number }>();
  const stageOf = (name: string) => {
    const stage = stages.get(name) ?? { arrivals: 0, sent: 0, endMs: endsMs.get(name) ?? Number.POSITIVE_INFINITY };
    stages.set(name, stage);
    return stage;
  };
  let [first, numbered] = [0, 0];
  const visit = (columns: Columns) => {
    const [index, turn, names] = [columns.values('index'), columns.values('turn'), columns.values('stage')];
    const [scheduledMs, sentMs] = [columns.values('scheduledMs'), columns.values('sentMs')];
    let name = Number.NaN;
    let stage = { arrivals: 0, sent: 0, endMs: 0 };
    for (let row = 0; row < columns.rows; row += 1) {
      if (!(turn[row]! > 0)) first += 1;
      if (index[row]! >= numbered) numbered = index[row]! + 1;
      if (scheduledMs[row]! < 0) continue;
      if (names[row] !== name) {
        name = names[row]!;
        stage = stageOf(columns.texts[name]!);
      }
      stage.arrivals += 1;
      if (sentMs[row]! <= stage.endMs + MAX_LATE_P99_MS) stage.sent += 1;
    }
  };
  return { visit, result: () => ({ first, numbered, stages }) };
}

/** Arrivals of a load, counted once. @param ramps of its plan */
export function arrivalsOf(ramps: readonly Ramp[], records: Requests): Arrivals {
  const known = KNOWN.get(records);
  if (known?.ramps === ramps) return known.arrivals;
  const arrivals = folded(arrivalsFold(ramps), records);
  knowArrivals(ramps, records, arrivals);
  return arrivals;
}

/** Makes arrivals known that were counted elsewhere. */
export function knowArrivals(ramps: readonly Ramp[], records: Requests, arrivals: Arrivals): void {
  KNOWN.set(records, { ramps, arrivals });
}

const KNOWN = new WeakMap<Requests, { readonly ramps: readonly Ramp[]; readonly arrivals: Arrivals }>();
