import type { LoadSummary } from './contracts.ts';

/**
 * What several generators that worked at the same time say of themselves together: CPU and memory add up, time does not, and how
 * near its limit one came is said of the busiest, for the others cannot help it.
 */
export function sumSummaries(parts: readonly LoadSummary[]): LoadSummary {
  if (parts.length === 1) return parts[0]!;
  const sum = (of: (part: LoadSummary) => number | undefined) =>
    parts.reduce<number | undefined>((total, part) => add(total, of(part)), 0);
  const [requests, cores] = [sum(part => part.requests), sum(part => part.cores)];
  const busiest = Math.max(...parts.map(part => coreUtilization(part) ?? 0));
  return {
    ...(requests === undefined ? {} : { requests }),
    ...(parts.some(({ lateness }) => lateness) ? { lateness: 'unknown' } : {}),
    ...(cores === undefined ? {} : { cores, busiest }),
    cpuMs: sum(part => part.cpuMs)!,
    wallMs: Math.max(0, ...parts.map(part => part.wallMs)),
    peakRssBytes: sum(part => part.peakRssBytes)!,
  };
}

/** Which share of the cores that it can use a generator used, 0 … 1 and of several the busiest; undefined where nobody knows. */
export function coreUtilization({ busiest, cpuMs, wallMs, cores }: LoadSummary): number | undefined {
  if (cores === undefined || wallMs <= 0) return undefined;
  return busiest ?? cpuMs / wallMs / cores;
}

/** Nothing where one of the two is unknown. */
function add(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a + b;
}
