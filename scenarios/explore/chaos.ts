import { boundaryName, boundaryNames, zoneNames } from '../../faults/zones.ts';
import { type LoadPlan, loadEndMs } from '../../harness/plan.ts';
import { didYouMean } from '../../reports/nearest.ts';
import { linkNames, replicaNames, type Topology } from '../../stack/topology.ts';
import { badScenario } from '../bad-scenario.ts';
import { type ChaosFaultOf, type Choice, explorable, type ResolvedChaos } from './chaos-schema.ts';
import type { ScheduledFault } from './schedule.ts';

/** A place where faults can be injected. */
export interface ChaosTarget {
  readonly name: string;
  /** Replicas whose state its faults change or depend on: two faults that touch one replica never overlap, for neither could be observed. */
  readonly touches: readonly string[];
  /** Time from the end of its faults until what they ended is back, in ms. */
  readonly recoveryMs: number;
}

/** Time in which a fault is in effect or recovered from: [fromMs, toMs). */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Whether two spans have an instant in common. */
export function overlaps(one: Span, other: Span): boolean {
  return one.fromMs < other.toMs && other.fromMs < one.toMs;
}

/** Span of a fault on a target. */
export function spanOf({ atMs, forMs, target }: Placed): Span {
  return { fromMs: atMs, toMs: atMs + (forMs ?? 0) + target.recoveryMs };
}

interface Placed extends Pick<ScheduledFault, 'atMs' | 'forMs'> {
  readonly target: ChaosTarget;
}

/** Whether faults on both targets may overlap. */
export function areApart(one: ChaosTarget, other: ChaosTarget): boolean {
  return !one.touches.some(name => other.touches.includes(name));
}

/** A kind of fault to draw. */
export interface ChaosKind {
  readonly kind: string;
  readonly weight: number;
  readonly targets: readonly ChaosTarget[];
  /** Undefined for none. */
  readonly forMs: Choice<number> | undefined;
  readonly parameters: Readonly<Record<string, Choice>>;
}

/** A `chaos` section, bound to its stack and its load. */
export interface ChaosPlan {
  readonly kinds: readonly ChaosKind[];
  readonly budget: number;
  readonly atOnce: number;
  /** Faults begin and end within. */
  readonly fromMs: number;
  readonly untilMs: number;
  readonly stack: Readonly<Record<string, readonly unknown[]>>;
}

/** Time from the start of a program until it is ready, beside its cold start, in ms. */
const START_MS = 1500;

/**
 * Binds the `chaos` section of a scenario to its stack.
 * @throws SquallError `BAD_SCENARIO` for a target that the stack does not have, or times outside of the load
 */
export function compileChaos(chaos: ResolvedChaos, topology: Topology, load: LoadPlan): ChaosPlan {
  const endMs = loadEndMs({ load });
  const { from: fromMs = Math.round(endMs / 10), until: untilMs = Math.round(0.9 * endMs) } = chaos;
  if (untilMs > endMs) throw badScenario('chaos.until', `at most ${endMs / 1000}s, the end of the load`, untilMs);
  if (fromMs >= untilMs) throw badScenario('chaos.from', `before \`chaos.until\`, ${untilMs / 1000}s`, fromMs);
  const kinds = chaos.faults.map((fault, index) => bind(fault, `chaos.faults[${index}].on`, topology));
  return { kinds, budget: chaos.budget, atOnce: chaos.atOnce, fromMs, untilMs, stack: chaos.stack };
}

function bind(fault: ChaosFaultOf<number>, field: string, topology: Topology): ChaosKind {
  const { kind, on, weight = 1, forMs, ...parameters } = fault as ChaosFaultOf<number> & { forMs?: Choice<number> };
  const place = explorable.find(candidate => candidate.kind === kind)!.on;
  const known = NAMES[place](topology);
  const names = [on].flat().flatMap(pattern => {
    const written = place === 'boundary' ? boundaryName(pattern) : pattern.replaceAll(/\s*->\s*/g, '→');
    const found = known.filter(name => matches(name, written));
    if (found.length === 0)
      throw badScenario(field, `a ${place} of this stack (${known.join(', ')})`, pattern, didYouMean(written, known));
    return found;
  });
  const targets = [...new Set(names)].map(name => targetOf(name, place, topology));
  return { kind, weight, targets, forMs, parameters: parameters as ChaosKind['parameters'] };
}

type Place = (typeof explorable)[number]['on'];

const NAMES: Readonly<Record<Place, (topology: Topology) => string[]>> = {
  link: linkNames,
  replica: replicaNames,
  zone: zoneNames,
  boundary: boundaryNames,
};

function matches(name: string, pattern: string): boolean {
  const parts = pattern.split('*').map(part => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(name);
}

function targetOf(name: string, place: Place, { replicas, links }: Topology): ChaosTarget {
  const touches = {
    link: () => links.filter(link => link.name === name).map(({ to }) => to),
    replica: () => [name],
    zone: () => replicas.filter(({ zone }) => zone === name).map(replica => replica.name),
    // Also those within a zone, which are the witnesses that only what crosses is cut.
    boundary: () => replicas.map(replica => replica.name),
  }[place]();
  const ends = place === 'replica' || place === 'zone';
  const coldStarts = replicas.filter(replica => touches.includes(replica.name)).map(({ coldStartMs }) => coldStartMs);
  return { name, touches, recoveryMs: ends ? Math.max(0, ...coldStarts) + START_MS : 0 };
}
