import type { Ramp } from '../../harness/arrivals/arrivals.ts';
import { sinusoidRamps } from '../../harness/arrivals/sinusoid.ts';
import { spikeRamps } from '../../harness/arrivals/spike.ts';
import { formatDuration } from '../../harness/quantity.ts';
import { badScenario } from '../bad-scenario.ts';
import { type ResolvedStage, SHAPE_NAMES, SHAPES } from './schema.ts';

/** Maximum number of periods of one stage, and of all together; more would make the plan too large to read. */
const MAX_PERIODS = 1000;

/** What the stages of a load set: arrival rates, users of a closed loop, or nothing, for connections that send back to back. */
export type LoadKind = 'rates' | 'users' | 'connections';

/** The state at the end of a stage, where the next one starts. */
interface StageEnd {
  readonly toMs: number;
  readonly perSecond: number;
  readonly users: number;
}

/**
 * Compiles stages to contiguous ramps, from 0 ms on.
 * @throws SquallError that names the field
 */
export function compileStages(stages: readonly ResolvedStage[], kind: LoadKind): Ramp[] {
  const ramps: Ramp[] = [];
  requireFewPeriods(stages);
  let end: StageEnd = { toMs: 0, perSecond: 0, users: 0 };
  for (const [index, stage] of stages.entries()) {
    const field = `load.stages[${index}]`;
    requireShape(stage, field, kind);
    const span = { name: stage.name ?? String(index + 1), fromMs: end.toMs, toMs: end.toMs + stage.for };
    ramps.push(...(kind === 'rates' ? rateRamps(stage, span, end, field) : [userRamp(stage, span, end)]));
    const { toMs, toPerSecond, toUsers = 0 } = ramps.at(-1)!;
    // After a spike the rate is again that before the spike, even with `fall` 0.
    end = { toMs, perSecond: stage.spike === undefined ? toPerSecond : end.perSecond, users: toUsers };
  }
  if (kind !== 'connections' && ramps.every(s => !s.fromPerSecond && !s.toPerSecond && !s.fromUsers && !s.toUsers))
    throw badScenario(
      'load.stages',
      `at least one stage with ${kind === 'users' ? 'users' : 'a rate above 0'}`,
      stages,
    );
  return ramps;
}

function requireFewPeriods(stages: readonly ResolvedStage[]): void {
  const periods = stages.reduce((sum, { for: forMs, sinusoid }) => sum + (sinusoid ? forMs / sinusoid.period : 0), 0);
  if (stages.length > 1 && periods > MAX_PERIODS)
    throw badScenario('load.stages', `at most ${MAX_PERIODS} periods of \`sinusoid\` in all`, Math.ceil(periods));
}

function requireShape(stage: ResolvedStage, field: string, kind: LoadKind): void {
  const shape = SHAPES.find(key => stage[key] !== undefined);
  if (kind === 'connections') {
    if (shape === undefined) return;
    throw badScenario(`${field}.${shape}`, 'left out, since connections send back to back', stage[shape]);
  }
  if (shape === undefined) throw badScenario(field, `given by one of ${SHAPE_NAMES}`, stage);
  const hasUsers = shape === 'users' || shape === 'toUsers';
  if (hasUsers && kind === 'rates') {
    const hint = '; did you mean `load.arrivals: closed`?';
    throw badScenario(field, 'given as a rate, since only a closed loop has `users`', stage, hint);
  }
  if (!hasUsers && kind === 'users')
    throw badScenario(field, 'given in `users` or `toUsers`, since arrivals are closed', stage);
}

type Span = Pick<Ramp, 'name' | 'fromMs' | 'toMs'>;

function userRamp(stage: ResolvedStage, span: Span, before: StageEnd): Ramp {
  const toUsers = stage.users ?? stage.toUsers;
  const noRate = { fromPerSecond: 0, toPerSecond: 0 };
  if (toUsers === undefined) return { ...span, ...noRate };
  return { ...span, ...noRate, fromUsers: stage.users ?? before.users, toUsers };
}

function rateRamps(stage: ResolvedStage, span: Span, before: StageEnd, field: string): Ramp[] {
  const { sinusoid, spike: peakPerSecond, rise: riseMs = 0, fall: fallMs = 0, for: forMs } = stage;
  const { name, fromMs } = span;
  if (sinusoid) {
    const { mean: meanPerSecond, amplitude: amplitudePerSecond, period: periodMs, phase } = sinusoid;
    if (forMs / periodMs > MAX_PERIODS) {
      const expected = `at least 1/${MAX_PERIODS} of the stage`;
      throw badScenario(`${field}.sinusoid.period`, expected, formatDuration(periodMs));
    }
    return sinusoidRamps(name, fromMs, forMs, { meanPerSecond, amplitudePerSecond, periodMs, phase });
  }
  if (peakPerSecond !== undefined)
    return spikeRamps(name, fromMs, forMs, { basePerSecond: before.perSecond, peakPerSecond, riseMs, fallMs });
  const toPerSecond = stage.to ?? stage.at!;
  return [{ ...span, fromPerSecond: stage.to === undefined ? toPerSecond : before.perSecond, toPerSecond }];
}
