import { durationMs, formatDuration, ratePerSecond } from '../../harness/quantity.ts';
import { inFileUnits } from '../durations.ts';
import { override } from '../override.ts';
import type { Scenario } from '../scenario.ts';
import { EACH_FAULT } from '../slo-schema.ts';
import { explorable } from './chaos-schema.ts';
import type { Schedule, ScheduledFault } from './schedule.ts';

type Fault = NonNullable<Scenario['faults']>[number];
type Slo = Scenario['slos'][number];

/** Between the name of an SLO for each fault and the id of the fault. */
const OF = ' of ';

/**
 * The scenario file that runs one schedule: that of the exploration with the faults of the schedule after its own, its stack and its
 * load, one SLO for each fault where `chaos.slos` asks for it, and without what belongs to the exploration.
 * @param scenario as written in its file
 */
export function materialised(scenario: Scenario, schedule: Schedule): Scenario {
  const { chaos, proof: _proof, covers: _covers, faults = [], ...rest } = scenario;
  const sets = Object.entries(schedule.stack).map(([path, value]) => [`stack.${path}`, value]);
  const { slos, load, ...others } = override(rest, Object.fromEntries(sets)) as Scenario;
  return {
    ...others,
    load: withLoad(load, schedule.load),
    faults: [...faults, ...schedule.faults.map(written)],
    slos: [...slos, ...schedule.faults.flatMap(({ id }) => (chaos?.slos ?? []).map(slo => ofFault(slo, id)))],
  };
}

/** Name of an SLO in the file of the exploration, from its name in that of a schedule. */
export function sloOfExploration(name: string, { faults }: Schedule): string {
  const id = faults.find(fault => name.endsWith(OF + fault.id))?.id;
  return id === undefined ? name : name.slice(0, -(OF + id).length);
}

function ofFault({ name, window, objective, ...rest }: Slo, id: string): Slo {
  const named = (text: string) => text.replaceAll(EACH_FAULT, id);
  return {
    name: `${name}${OF}${id}`,
    ...(window !== undefined && { window: named(window) }),
    objective: named(objective),
    ...rest,
  };
}

function written({ id, kind, on, atMs, forMs, parameters }: ScheduledFault): Fault {
  const { parameters: schema } = explorable.find(candidate => candidate.kind === kind)!;
  const times = { at: formatDuration(atMs), ...(forMs !== null && { for: formatDuration(forMs) }) };
  return { id, kind, on, ...times, ...inFileUnits(schema, parameters) };
}

type Load = Scenario['load'];

/** Whether a load can be made smaller: it has stages of rates only. */
export function canShrinkLoad({ load: { stages } }: Scenario): boolean {
  return stages?.every(({ at, to }) => at !== undefined || to !== undefined) ?? false;
}

function withLoad(load: Load, { rate, endMs }: Schedule['load']): Load {
  if (rate === 1 && endMs === null) return load;
  let fromMs = 0;
  const stages = (load.stages ?? []).flatMap(stage => {
    const toMs = Math.min(fromMs + durationMs(stage.for)!, endMs ?? Number.POSITIVE_INFINITY);
    const lastsMs = toMs - fromMs;
    fromMs = toMs;
    if (lastsMs <= 0) return [];
    const scaled = (text: string) => `${Number((ratePerSecond(text)! * rate).toFixed(3))}/s`;
    return {
      ...stage,
      ...(stage.at !== undefined && { at: scaled(stage.at) }),
      ...(stage.to !== undefined && { to: scaled(stage.to) }),
      for: formatDuration(lastsMs),
    };
  });
  return { ...load, stages };
}
