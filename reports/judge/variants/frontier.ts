/** A choice between what it costs and how fast it is; less of both is better. */
export interface Point {
  readonly name: string;
  readonly cost: number;
  /** May be infinite. */
  readonly latency: number;
}

/**
 * For each point the names of those that dominate it, which are as good in one respect and better in the other; none for one on the
 * frontier. Equal points do not dominate each other.
 *
 * ```
 * latency │ ●          ● on the frontier
 *         │    ○       ○ dominated
 *         │   ●
 *         │       ●
 *         └────────── cost
 * ```
 */
export function dominators(points: readonly Point[]): ReadonlyMap<string, readonly string[]> {
  const dominates = (a: Point, b: Point) =>
    a.cost <= b.cost && a.latency <= b.latency && (a.cost < b.cost || a.latency < b.latency);
  return new Map(
    points.map(point => [point.name, points.filter(other => dominates(other, point)).map(({ name }) => name)]),
  );
}
