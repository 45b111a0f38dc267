import { costOf } from '../../reports/judge/elasticity/cost.ts';
import { judge } from '../../reports/judge/judge.ts';
import { parseObjective } from '../../reports/judge/objective.ts';
import { figuresOf } from '../../reports/judge/variants/figures.ts';
import { blindness } from '../../reports/judge/warnings/blind.ts';
import { formatValue } from '../../reports/render/cells.ts';
import type { VariantRun } from '../../reports/store/variants-document.ts';
import type { FoundScenario } from '../find.ts';
import { type LoadOptions, loadScenario } from '../load-scenario.ts';
import { freshSalt, withSalt } from '../salt.ts';
import { recordInMemory } from '../session/in-memory.ts';
import type { Trial } from './ledger.ts';

/** A run of an HPA under a scenario, as a worker is sent it; plain JSON. */
export interface TuneOrder {
  readonly found: FoundScenario;
  /** With the autoscaler, and the seed. */
  readonly options: LoadOptions;
}

/** What is known of a run. */
export interface TuneRun extends Omit<VariantRun, 'variant' | 'directory'> {
  /** Cost of the load phase; null without prices. */
  readonly dollars: number | null;
}

/** Runs a scenario in virtual time in this process; nothing of it is stored. @throws SquallError for a scenario that cannot be run */
export async function runOnce({ found, options }: TuneOrder): Promise<TuneRun> {
  const { compiled } = await loadScenario(found, options);
  const salted = withSalt(compiled, freshSalt(compiled.plan));
  return await recordInMemory(salted, {}, ({ events, records }) => {
    const { verdict, exitCode, reasons, slos, windows } = judge({ events, records }).document;
    const warnings = blindness(events);
    const endMs = windows.find(({ name }) => name === 'whole')?.toMs ?? 0;
    return {
      seed: options.seed,
      ...{ verdict, exitCode, reasons },
      ...(warnings.length > 0 && { warnings }),
      slos: slos.map(({ name, window, objective, verdict, measured, unit }) => {
        return { name, window, objective, verdict, measured, unit };
      }),
      figures: figuresOf(salted.plan, events, records),
      dollars: costOf(salted.plan, events, 0, endMs)?.dollars ?? null,
    };
  });
}

/** Violation of an SLO that is not decided; one that failed has at least 1. */
const INCONCLUSIVE = 0.5;
/** Of a run that is invalid, beside one for each SLO. */
const INVALID = 3;

/** What the search needs of a run: it meets the SLOs if it passes, so that what is inconclusive or invalid does not. */
export function trialOf(run: TuneRun): Trial {
  const { verdict, slos, figures, dollars, reasons } = run;
  const met = verdict === 'pass';
  const missed = slos.find(slo => slo.verdict !== 'pass');
  const sum = slos.reduce((all, slo) => all + violationOf(slo), 0);
  return {
    met,
    violation: met ? 0 : verdict === 'invalid' ? INVALID + 2 * slos.length : sum || INCONCLUSIVE,
    cost: dollars ?? figures.replicaHours,
    reason: met ? '' : missed && verdict !== 'invalid' ? sloText(missed) : (reasons[0] ?? verdict),
  };
}

type Slo = TuneRun['slos'][number];

/** 0 if it passed; if it failed 1, and up to 1 more by how far it is from its limit. */
function violationOf({ verdict, objective, measured }: Slo): number {
  if (verdict === 'pass') return 0;
  if (verdict !== 'fail') return INCONCLUSIVE;
  const { limit } = parseObjective(objective).objective;
  if (measured === null) return 2;
  const excess = Math.abs(measured - limit) / Math.max(Math.abs(limit), Math.abs(measured), Number.EPSILON);
  return 1 + Math.min(1, excess);
}

function sloText({ name, objective, verdict, measured, unit }: Slo): string {
  const found = measured === null ? 'no value' : formatValue(measured, unit);
  return `${name} ${verdict === 'fail' ? 'failed' : `is ${verdict}`}: ${objective}, measured ${found}`;
}
