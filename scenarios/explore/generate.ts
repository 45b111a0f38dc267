import { type Random, seededRandom } from '../../harness/random.ts';
import { areApart, type ChaosKind, type ChaosPlan, type ChaosTarget, overlaps, spanOf } from './chaos.ts';
import { type Choice, explorable } from './chaos-schema.ts';
import { EMPTY, type Parameter, type Schedule, type ScheduledFault } from './schedule.ts';

/** How much earlier than another one a fault begins at most that is to overlap it, in ms. */
const NEAR_MS = 2000;
/** Attempts to draw a fault that fits those before it, or parameters that fit each other. */
const MAX_DRAWS = 50;

/**
 * The schedule at an index of an exploration. It depends on its arguments alone: neither on the schedules before it, nor on who runs it.
 * Each has from one fault to the budget of `chaos`, as far as they fit between its times.
 */
export function scheduleAt(chaos: ChaosPlan, seed: number, index: number): Schedule {
  const random = seededRandom(seed).stream(`schedule ${index}`);
  const count = random.integer(1, chaos.budget);
  const drawn: Drawn[] = [];
  for (let nth = 1; nth <= count; nth += 1) {
    const fault = drawFitting(chaos, drawn, random.stream(`fault ${nth}`));
    if (fault) drawn.push(fault);
  }
  const inOrder = drawn.sort((a, b) => a.atMs - b.atMs);
  const faults = inOrder.map(({ kind, target, atMs, forMs, parameters }, nth) => {
    return { id: `${kind}-${nth + 1}`, kind, on: target.name, atMs, forMs, parameters };
  });
  return { ...EMPTY, faults, stack: drawStack(chaos, random.stream('stack')) };
}

interface Drawn extends Pick<ScheduledFault, 'kind' | 'atMs' | 'forMs' | 'parameters'> {
  readonly target: ChaosTarget;
}

function drawFitting(chaos: ChaosPlan, others: readonly Drawn[], random: Random): Drawn | undefined {
  for (let attempt = 0; attempt < MAX_DRAWS; attempt += 1) {
    const fault = drawFault(chaos, others, random);
    if (fault && fits(fault, others, chaos)) return fault;
  }
  return undefined;
}

/** Half of the faults after the first begin while another one is in effect, or a little earlier: few would by chance. */
function drawFault(chaos: ChaosPlan, others: readonly Drawn[], random: Random): Drawn | undefined {
  const chosen = weighted(chaos.kinds, random);
  const target = random.pick(chosen.targets);
  const forMs = chosen.forMs === undefined ? null : (drawn(chosen.forMs, random) as number);
  const parameters = drawParameters(chosen, random);
  const latestMs = chaos.untilMs - (forMs ?? 0) - target.recoveryMs;
  const other = random.next() < 0.5 && others.length > 0 ? spanOf(random.pick(others)) : undefined;
  const fromMs = Math.max(chaos.fromMs, (other?.fromMs ?? 0) - NEAR_MS);
  const toMs = Math.min(latestMs, other?.toMs ?? latestMs);
  if (!parameters || toMs < fromMs) return undefined;
  return { kind: chosen.kind, target, atMs: random.integer(fromMs, toMs), forMs, parameters };
}

/**
 * Parameters of a kind that its schema accepts together; undefined if {@link MAX_DRAWS} attempts found none.
 */
export function drawParameters({ kind, parameters }: ChaosKind, random: Random): Record<string, Parameter> | undefined {
  const { parameters: schema } = explorable.find(candidate => candidate.kind === kind)!;
  for (let attempt = 0; attempt < MAX_DRAWS; attempt += 1) {
    const values = Object.entries(parameters).map(([key, choice]) => [key, drawn(choice, random)]);
    const found = Object.fromEntries(values) as Record<string, Parameter>;
    if (schema.safeParse(found).success) return found;
  }
  return undefined;
}

function fits(fault: Drawn, others: readonly Drawn[], { atOnce }: ChaosPlan): boolean {
  const span = spanOf(fault);
  const beside = others.filter(other => overlaps(span, spanOf(other)));
  if (!beside.every(other => areApart(fault.target, other.target))) return false;
  // While it lasts, the most faults are in effect when it or another one begins.
  const all = [fault, ...beside];
  const starts = all.map(({ atMs }) => atMs).filter(atMs => atMs >= fault.atMs);
  const countAt = (atMs: number) =>
    all.filter(other => overlaps({ fromMs: atMs, toMs: atMs + 1 }, spanOf(other))).length;
  return Math.max(...starts.map(countAt)) <= atOnce;
}

function drawStack({ stack }: ChaosPlan, random: Random): Record<string, unknown> {
  const chosen = Object.entries(stack).filter(([path]) => random.stream(path).next() < 0.5);
  return Object.fromEntries(chosen.map(([path, values]) => [path, random.stream(`value of ${path}`).pick(values)]));
}

function weighted(kinds: readonly ChaosKind[], random: Random): ChaosKind {
  let left = random.next() * kinds.reduce((sum, { weight }) => sum + weight, 0);
  const isReached = ({ weight }: ChaosKind) => {
    left -= weight;
    return left < 0;
  };
  return kinds.find(isReached) ?? kinds.at(-1)!;
}

/** A value of a choice. A range with whole ends gives whole numbers, another one numbers with three digits. */
function drawn(choice: Choice, random: Random): Parameter {
  if (typeof choice !== 'object') return choice;
  if (!('from' in choice)) return random.pick(choice);
  const { from, to } = choice;
  if (Number.isInteger(from) && Number.isInteger(to)) return random.integer(from, to);
  return Number((from + random.next() * (to - from)).toFixed(3));
}
