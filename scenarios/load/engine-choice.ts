import { processName } from '../../harness/arrivals/arrivals.ts';
import type { LoadPlan, Workload } from '../../harness/plan.ts';
import { CAPABILITIES, type EngineName, type Unsupported } from '../../load/engines.ts';
import { hasK6 } from '../../load/k6/program/find.ts';
import type { ParsedObjective } from '../../reports/judge/objective.ts';

/** What every engine measures of plain HTTP, which has no tokens: its first byte takes the place of the first one. */
const PLAIN_LATENCIES = ['ttft', 'latency'];

/** Above, in arrivals a second, one process of `stream` comes near the limit of its core (0.08 ms a request, measured). */
const HIGH_RATE_PER_SECOND = 5000;

/** What surrounds a load, as far as engines differ in it. */
export interface Around {
  /** Whether several processes share it. */
  readonly hasWorkers: boolean;
  /** Whether it is that of one of several runs. */
  readonly isSegment: boolean;
  /** URL of the server that Squall did not start, where it goes to one. */
  readonly target: string | undefined;
}

type Slos = readonly { readonly objective: ParsedObjective }[];

const ALONE: Around = { hasWorkers: false, isSegment: false, target: undefined };

/**
 * What a plan asks of an engine that it cannot do; empty when it can do everything.
 *
 * | engine | loop | arrivals | measures of chat |
 * |---|---|---|---|
 * | stream | open, or users | all | first token, gaps, latency |
 * | k6 | open, or users | constant | latency |
 * | autocannon | connections, at most 60 s | as fast as answers come | latency, not from a schedule |
 */
export function refusalsOf(
  engine: EngineName,
  load: LoadPlan,
  slos: Slos,
  { hasWorkers, isSegment, target }: Around = ALONE,
): Unsupported[] {
  const can = CAPABILITIES[engine];
  const refusals: Unsupported[] = [];
  const require = (met: boolean, field: string, expected: string, found: unknown) => {
    if (!met) refusals.push({ field, expected: `${expected} with the engine ${engine}`, found });
  };
  const { clients, trace, workload, connections } = load;
  const durationMs = load.ramps.at(-1)?.toMs ?? 0;
  const mostSeconds = can.maxDurationMs / 1000;
  const sessions = workload.kind === 'http' ? undefined : workload.sessions;
  const arrivals = processName(load.arrivals);
  require(can.arrivals.includes(arrivals), 'load.arrivals', can.arrivals.join(' or '), arrivals);
  require(can.sessions || !sessions, 'load.workload.sessions', 'left out', sessions);
  require(durationMs <= can.maxDurationMs, 'load.stages', `at most ${mostSeconds} s long`, `${durationMs / 1000} s`);
  require(can.clients || !clients, 'load.clients', 'left out', clients);
  require(can.clients || load.keepAlive !== false, 'load.keepAlive', 'left on', load.keepAlive);
  require(can.trace || !trace, 'load.trace', 'left out', trace);
  const forWorkers =
    '`stream` for --workers (each of its processes has one core; k6 takes all), which are not to be had';
  require(can.workers || !hasWorkers, 'load.engine', forWorkers, engine);
  const forSegments = '`stream` or `k6` for --segment, which is not to be had';
  require(can.segments || !isSegment, 'load.engine', forSegments, engine);
  const isReachable = target === undefined || can.targets(new URL(target));
  require(isReachable, 'load.engine', '`stream` for this https --target', engine);
  for (const { field, expected, found } of can.unsupported(load)) require(false, field, expected, found);
  if (can.loop === 'connections')
    require(connections !== undefined, 'load.connections', 'a number of connections', connections);
  else require(connections === undefined, 'load.connections', 'left out', connections);
  const isPlain = workload.kind === 'http';
  const latencies = isPlain ? PLAIN_LATENCIES : can.latencies;
  for (const [index, { objective }] of slos.entries()) {
    const known = (objective.check.latencies?.(objective.objective) ?? []).every(metric => latencies.includes(metric));
    const expected = `on ${latencies.join(', ')}${isPlain ? ' of plain HTTP' : ''}`;
    require(known, `slos[${index}].objective`, expected, objective.text);
  }
  return refusals;
}

/**
 * What `engine: auto` means for a plan: `stream`, but for plain HTTP above 5,000 arrivals a second `k6`, where there is one on PATH
 * or in `.tools/bin` and it can do all that is asked (constant arrivals above all).
 *
 * Below, k6 would only cost more: with what reads it, three to five times the CPU of `stream` for a request (0.40 against 0.09 ms at
 * 1,500/s, on two cores that others used too), and about 0.6 ms more latency. But its virtual users run on all cores, where a
 * process of `stream` has one; `--workers` have more of those for less, so who shares a load keeps `stream`, whichever k6 the machines
 * of its segments have.
 * @param k6 whether there is one
 */
export function chooseEngine(
  load: LoadPlan,
  slos: Slos,
  around: Around = ALONE,
  k6: () => boolean = hasK6,
): EngineName {
  const mostPerSecond = Math.max(...load.ramps.map(s => Math.max(s.fromPerSecond, s.toPerSecond)));
  const isPlain = kindOf(load.workload) !== 'chat';
  const isFast = mostPerSecond > HIGH_RATE_PER_SECOND;
  const isShared = around.hasWorkers || around.isSegment;
  const wantsK6 = isPlain && isFast && !isShared && refusalsOf('k6', load, slos, around).length === 0;
  return wantsK6 && k6() ? 'k6' : 'stream';
}

function kindOf({ kind = 'chat' }: Workload): string {
  return kind;
}
