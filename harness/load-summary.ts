import type { LoadSummary } from './contracts.ts';
import type { ConnectionCounts, LoadNote } from './requests.ts';

/**
 * Combined summary of generators that ran side by side: CPU time and memory add up, wall time does not, and utilisation is that of
 * the busiest, which the others cannot relieve.
 */
export function sumSummaries(parts: readonly LoadSummary[]): LoadSummary {
  if (parts.length === 1) return parts[0]!;
  const sum = (of: (part: LoadSummary) => number | undefined) =>
    parts.reduce<number | undefined>((total, part) => add(total, of(part)), 0);
  const [requests, cores] = [sum(part => part.requests), sum(part => part.cores)];
  const busiest = Math.max(...parts.map(part => coreUtilisation(part) ?? 0));
  return {
    ...(requests === undefined ? {} : { requests }),
    ...(parts.some(({ lateness }) => lateness) ? { lateness: 'unknown' } : {}),
    ...(cores === undefined ? {} : { cores, busiest }),
    ...sumConnections(parts),
    ...notesOf(parts),
    cpuMs: sum(part => part.cpuMs)!,
    wallMs: Math.max(0, ...parts.map(part => part.wallMs)),
    peakRssBytes: sum(part => part.peakRssBytes)!,
  };
}

function sumConnections(parts: readonly LoadSummary[]): Pick<LoadSummary, 'connections'> {
  const all = parts.flatMap(({ connections }) => connections ?? []);
  return all.length === 0 ? {} : { connections: addConnections(all) };
}

/** Connections of several pools or generators together. */
export function addConnections(parts: readonly ConnectionCounts[]): ConnectionCounts {
  const addresses: Record<string, number> = {};
  for (const part of parts)
    for (const [address, count] of Object.entries(part.addresses))
      addresses[address] = (addresses[address] ?? 0) + count;
  return {
    opened: parts.reduce((sum, { opened }) => sum + opened, 0),
    maxRequests: Math.max(0, ...parts.map(({ maxRequests }) => maxRequests)),
    addresses,
  };
}

/** Combined notes of generators: the counts of each kind add up, and its first example is kept. Most frequent first. */
export function sumNotes(parts: readonly (readonly LoadNote[])[]): LoadNote[] {
  const notes = new Map<string, LoadNote>();
  for (const note of parts.flat()) {
    const key = `${note.type} ${note.name}`;
    const known = notes.get(key);
    const first = known && known.example !== '' ? known : note;
    notes.set(key, { ...first, count: note.count + (known?.count ?? 0) });
  }
  return [...notes.values()].sort((a, b) => b.count - a.count);
}

/** The field `notes` of a combination; without it if no part has any. */
export function notesOf(parts: readonly Pick<LoadSummary, 'notes'>[]): Pick<LoadSummary, 'notes'> {
  const known = parts.flatMap(({ notes }) => (notes ? [notes] : []));
  return known.length === 0 ? {} : { notes: sumNotes(known) };
}

/** Utilisation of the cores available to a generator, 0–1; of several the busiest. Undefined if unknown. */
export function coreUtilisation({ busiest, cpuMs, wallMs, cores }: LoadSummary): number | undefined {
  if (cores === undefined || wallMs <= 0) return undefined;
  return busiest ?? cpuMs / wallMs / cores;
}

/** Sum, or undefined if either is unknown. */
function add(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a + b;
}
