import type { Trial, TrialSlo } from './trial.ts';

/** How an SLO fared over all schedules that could be judged. */
export interface SloTally {
  readonly name: string;
  readonly objective: string;
  readonly pass: number;
  readonly fail: number;
  readonly inconclusive: number;
  /** The measurement nearest to, or farthest beyond its limit, in `unit`; null if there was none. */
  readonly worst: number | null;
  readonly unit: string;
  /** Index of the schedule with the worst measurement; null if there was none. */
  readonly worstAt: number | null;
}

/** Schedules that could not be judged for one reason. */
export interface Unjudged {
  /** Without what differs from schedule to schedule. */
  readonly reason: string;
  readonly schedules: number;
  /** The first of them, and its reason in full. */
  readonly index: number;
  readonly example: string;
}

/** Counts the outcomes of schedules, in their order. */
export class Tally {
  readonly #slos = new Map<string, SloTally>();
  readonly #unjudged = new Map<string, Unjudged>();
  #failed = 0;

  /** Counts a schedule. */
  add(index: number, { failures, unjudged: example, slos }: Trial): void {
    if (failures.length > 0) this.#failed += 1;
    if (example === undefined) {
      for (const slo of slos) this.#slos.set(slo.name, withSlo(this.#slos.get(slo.name) ?? noneOf(slo), index, slo));
      return;
    }
    const reason = withoutDetails(example);
    const { schedules, ...first } = this.#unjudged.get(reason) ?? { reason, schedules: 0, index, example };
    this.#unjudged.set(reason, { ...first, schedules: schedules + 1 });
  }

  /** The counts so far. */
  result(): { readonly failed: number; readonly slos: readonly SloTally[]; readonly unjudged: readonly Unjudged[] } {
    return { failed: this.#failed, slos: [...this.#slos.values()], unjudged: [...this.#unjudged.values()] };
  }
}

function noneOf({ name, objective, unit }: TrialSlo): SloTally {
  return { ...{ name, objective, unit, pass: 0, fail: 0, inconclusive: 0 }, worst: null, worstAt: null };
}

function withSlo(tally: SloTally, index: number, { verdict, measured, objective }: TrialSlo): SloTally {
  const counted = verdict === 'invalid' ? {} : { [verdict]: tally[verdict] + 1 };
  const isWorse =
    measured !== null &&
    (tally.worst === null || (objective.includes('<') ? measured > tally.worst : measured < tally.worst));
  return { ...tally, ...counted, ...(isWorse && { worst: measured, worstAt: index }) };
}

/** A reason that others can share: without evidence, and without the names of faults. */
function withoutDetails(reason: string): string {
  return reason
    .replace(/:.*$/s, '')
    .replaceAll(/\b([a-z-]+)-\d+\b/g, '$1')
    .replaceAll(/\d+/g, 'n');
}
