import type { SloResult } from '../../reports/store/run-document.ts';
import { loadScenario } from '../load-scenario.ts';
import { freshSalt, withSalt } from '../salt.ts';
import type { Scenario } from '../scenario.ts';
import { materialised, sloOfExploration } from './materialise.ts';
import { type MemoryRun, runInMemory } from './run-in-memory.ts';
import type { Schedule } from './schedule.ts';

/** What all schedules of an exploration have in common. Plain JSON. */
export interface TrialSubject {
  /** As written in its file, overrides included. */
  readonly scenario: Scenario;
  /** Name or path, for messages. */
  readonly source: string;
  /** Base of its relative paths. */
  readonly folder: string;
  /** Of every run, which is that of `squall run`: the schedules differ by the seed of the exploration. */
  readonly seed: number;
}

/** Why a schedule counts as failed. */
export interface Failure {
  readonly kind: 'slo' | 'invariant' | 'crash' | 'hang';
  /** Name of the SLO as in the scenario, or of the invariant; code of the crash. */
  readonly name: string;
  readonly message: string;
}

/** A judged SLO of a schedule; of those for each fault, one for each. */
export interface TrialSlo extends Pick<SloResult, 'objective' | 'measured' | 'unit' | 'verdict'> {
  /** As in the scenario. */
  readonly name: string;
}

/** Result of one schedule. */
export interface Trial {
  /** Empty if it passed, and if it could not be judged. */
  readonly failures: readonly Failure[];
  /** Why its SLOs could not be judged; absent if they were. */
  readonly unjudged?: string;
  readonly slos: readonly TrialSlo[];
  readonly requests: number;
  readonly virtualMs: number;
  /** Processor time of the worker. */
  readonly cpuMs: number;
}

/** Whether two failures are of one kind: the same SLO, invariant or crash. */
export function isSameFailure(one: Pick<Failure, 'kind' | 'name'>, other: Pick<Failure, 'kind' | 'name'>): boolean {
  return one.kind === other.kind && one.name === other.name;
}

/**
 * Runs one schedule in virtual time in this process. A run whose SLOs cannot be judged, such as one in which a fault had no observable
 * effect, fails by invariants only.
 * @throws SquallError for a schedule that does not fit the scenario
 */
export async function tryHere({ scenario, source, folder, seed }: TrialSubject, schedule: Schedule): Promise<Trial> {
  const before = process.cpuUsage();
  const raw = materialised(scenario, schedule);
  const { compiled } = await loadScenario({ raw, source, folder }, { seed, platform: 'virtual', replay: '' });
  const run = await runInMemory(withSalt(compiled, freshSalt(compiled.plan)));
  const { user, system } = process.cpuUsage(before);
  const slos = run.slos.map(({ name, objective, measured, unit, verdict }) => {
    return { name: sloOfExploration(name, schedule), objective, measured, unit, verdict };
  });
  const { requests } = run;
  // Whole ms, whose sum is the same in any order.
  const virtualMs = Math.round(run.virtualMs);
  return { ...judged(run, schedule), slos, requests, virtualMs, cpuMs: Math.round((user + system) / 1000) };
}

function judged(run: MemoryRun, schedule: Schedule): Pick<Trial, 'failures' | 'unjudged'> {
  const { crash, verdict, reasons, slos, violations } = run;
  if (crash) return { failures: [{ kind: 'crash', name: crash.code, message: crash.message }] };
  const invariants = violations.map(({ invariant: name, message }) => ({ kind: 'invariant' as const, name, message }));
  if (verdict === 'invalid') return { failures: invariants, unjudged: reasons[0] ?? 'the run is invalid' };
  const failed = slos
    .filter(slo => slo.verdict === 'fail')
    .map(({ name, reason }) => ({ kind: 'slo' as const, name: sloOfExploration(name, schedule), message: reason }));
  return { failures: [...failed, ...invariants] };
}
