import type { Ramp } from '../../harness/arrivals/arrivals.ts';
import { sinusoidRamps } from '../../harness/arrivals/sinusoid.ts';
import { spikeRamps } from '../../harness/arrivals/spike.ts';
import { formatDuration } from '../../harness/quantity.ts';
import { badScenario } from '../bad-scenario.ts';
import { type ResolvedStage, SHAPE_NAMES, SHAPES } from './schema.ts';

/** A curve of more periods than this in one stage would make a plan too large to read. */
const MAX_PERIODS = 1000;

/** What stages say: rates, users of a closed loop, or, of one by connections, nothing. */
export type Loop = 'rates' | 'users' | 'connections';

/** What a stage leaves to the next. */
interface Level {
  readonly toMs: number;
  readonly perSecond: number;
  readonly users: number;
}

/**
 * The stages of an open loop (rates) or a closed one (users, connections) as contiguous ramps from 0 ms on.
 * @throws SquallError that names the field
 */
export function compileStages(stages: readonly ResolvedStage[], loop: Loop): Ramp[] {
  const ramps: Ramp[] = [];
  let level: Level = { toMs: 0, perSecond: 0, users: 0 };
  for (const [index, stage] of stages.entries()) {
    const field = `load.stages[${index}]`;
    requireShape(stage, field, loop);
    const own = { stage, field, name: stage.name ?? String(index + 1), forMs: stage.for };
    ramps.push(...(loop === 'rates' ? rateStage(own, level) : [crowd(own, level)]));
    const { toMs, toPerSecond, toUsers = 0 } = ramps.at(-1)!;
    // After a spike the rate is what it was before, also where it falls at once.
    level = { toMs, perSecond: stage.spike === undefined ? toPerSecond : level.perSecond, users: toUsers };
  }
  if (loop !== 'connections' && ramps.every(s => !s.fromPerSecond && !s.toPerSecond && !s.fromUsers && !s.toUsers))
    throw badScenario(
      'load.stages',
      `at least one stage with ${loop === 'users' ? 'users' : 'a rate above 0'}`,
      stages,
    );
  return ramps;
}

function requireShape(stage: ResolvedStage, field: string, loop: Loop): void {
  const shape = SHAPES.find(key => stage[key] !== undefined);
  if (loop === 'connections') {
    if (shape === undefined) return;
    const expected = 'left out, for connections in a closed loop decide the rate';
    throw badScenario(`${field}.${shape}`, expected, stage[shape]);
  }
  if (shape === undefined) throw badScenario(field, `given by one of ${SHAPE_NAMES}`, stage);
  const counted = shape === 'users' || shape === 'toUsers';
  if (counted && loop === 'rates')
    throw badScenario(
      field,
      'given as a rate, for `users` make a closed loop',
      stage,
      '; did you mean `load.arrivals: closed`?',
    );
  if (!counted && loop === 'users')
    throw badScenario(field, 'given in `users` or `toUsers`, for arrivals are closed', stage);
}

interface OwnStage {
  readonly stage: ResolvedStage;
  readonly field: string;
  readonly name: string;
  readonly forMs: number;
}

function crowd({ stage, name, forMs }: OwnStage, before: Level): Ramp {
  const toUsers = stage.users ?? stage.toUsers;
  const span = { fromMs: before.toMs, toMs: before.toMs + forMs };
  if (toUsers === undefined) return { name, ...span, fromPerSecond: 0, toPerSecond: 0 };
  const fromUsers = stage.users ?? before.users;
  return { name, ...span, fromPerSecond: 0, toPerSecond: 0, fromUsers, toUsers };
}

function rateStage({ stage, field, name, forMs }: OwnStage, before: Level): Ramp[] {
  const fromMs = before.toMs;
  if (stage.sinusoid) return sinusoidStage({ stage, field, name, forMs }, stage.sinusoid, fromMs);
  if (stage.spike !== undefined) {
    const { spike: peakPerSecond, rise: riseMs = 0, fall: fallMs = 0 } = stage;
    return spikeRamps(name, fromMs, forMs, { basePerSecond: before.perSecond, peakPerSecond, riseMs, fallMs });
  }
  const toPerSecond = stage.to ?? stage.at!;
  const fromPerSecond = stage.to === undefined ? toPerSecond : before.perSecond;
  return [{ name, fromMs, toMs: fromMs + forMs, fromPerSecond, toPerSecond }];
}

function sinusoidStage(
  { field, name, forMs }: OwnStage,
  {
    mean: meanPerSecond,
    amplitude: amplitudePerSecond,
    period: periodMs,
    phase,
  }: NonNullable<ResolvedStage['sinusoid']>,
  fromMs: number,
): Ramp[] {
  if (forMs / periodMs > MAX_PERIODS)
    throw badScenario(`${field}.sinusoid.period`, `at least a ${MAX_PERIODS}th of the stage`, formatDuration(periodMs));
  return sinusoidRamps(name, fromMs, forMs, { meanPerSecond, amplitudePerSecond, periodMs, phase });
}
