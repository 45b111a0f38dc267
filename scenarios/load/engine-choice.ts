import { processName } from '../../harness/arrivals/arrivals.ts';
import { isStreamed, type LoadPlan, loadEndMs, type Workload } from '../../harness/plan.ts';
import { CAPABILITIES, type EngineName, type Unsupported } from '../../load/engines.ts';
import { hasK6 } from '../../load/k6/program/find.ts';
import type { ParsedObjective } from '../../reports/judge/objective.ts';

/** Latencies that every engine measures of plain HTTP, where TTFT is the time to first byte. */
const PLAIN_LATENCIES = ['ttft', 'latency'];

/** Latencies of answers that arrive in one piece. */
const WHOLE_LATENCIES = ['latency'];

/** Arrivals per second above which one `stream` process approaches the limit of its core (0.08 ms per request, measured). */
const HIGH_RATE_PER_SECOND = 5000;

/** What decides about an engine beside the load and the SLOs. */
interface EngineContext {
  /** Whether the load is split over several processes. */
  readonly hasWorkers: boolean;
  /** Whether the run generates one segment of the load. */
  readonly isSegment: boolean;
  /** Whether clients exchange their API key for tokens. @default false */
  readonly hasLogin?: boolean;
  /** URL of the target; undefined for a stack that Squall starts. */
  readonly target: string | undefined;
}

type Slos = readonly { readonly objective: ParsedObjective; readonly class?: string | undefined }[];

const DEFAULT_CONTEXT: EngineContext = { hasWorkers: false, isSegment: false, target: undefined };

/**
 * The parts of a plan that an engine does not support; empty if it supports all of them.
 *
 * | engine | loop | arrivals | latencies of chat |
 * |---|---|---|---|
 * | stream | open, or users | all | TTFT, inter-token, total |
 * | k6 | open, or users | constant | total |
 * | autocannon | connections, at most 60 s | back to back | total, not from a schedule |
 */
export function unsupportedBy(
  engine: EngineName,
  load: LoadPlan,
  slos: Slos,
  { hasWorkers, isSegment, target, hasLogin = false }: EngineContext = DEFAULT_CONTEXT,
): Unsupported[] {
  const can = CAPABILITIES[engine];
  const unsupported: Unsupported[] = [];
  const require = (met: boolean, field: string, expected: string, found: unknown) => {
    if (!met) unsupported.push({ field, expected: `${expected} with the engine ${engine}`, found });
  };
  const { clients, trace, workload, connections } = load;
  const seconds = loadEndMs({ load }) / 1000;
  const sessions = workload.kind === 'http' ? undefined : workload.sessions;
  const arrivals = processName(load.arrivals);
  require(can.arrivals.includes(arrivals), 'load.arrivals', can.arrivals.join(' or '), arrivals);
  require(can.sessions || !sessions, 'load.workload.sessions', 'left out', sessions);
  const maxSeconds = can.maxDurationMs / 1000;
  require(seconds <= maxSeconds, 'load.stages', `at most ${maxSeconds} s long`, `${seconds} s`);
  require(can.clients || !clients, 'load.clients', 'left out', clients);
  require(can.trace || !trace, 'load.trace', 'left out', trace);
  const forWorkers = '`stream` for --workers (k6 uses all cores by itself), which is not available';
  require(can.workers || !hasWorkers, 'load.engine', forWorkers, engine);
  const forSegments = '`stream` or `k6` for --segment, which is not available';
  require(can.segments || !isSegment, 'load.engine', forSegments, engine);
  const forLogin = '`stream`, which gets the tokens that `stack.gateway.identity` requires, not one';
  require(engine === 'stream' || !hasLogin, 'load.engine', forLogin, engine);
  const isReachable = target === undefined || can.targets(new URL(target));
  require(isReachable, 'load.engine', '`stream` for an https --target of this kind', engine);
  for (const { field, expected, found } of can.unsupported(load)) require(false, field, expected, found);
  if (can.loop === 'connections')
    require(connections !== undefined, 'load.connections', 'a number of connections', connections);
  else require(connections === undefined, 'load.connections', 'left out', connections);
  return [...unsupported, ...unmeasuredBy(engine, load, slos)];
}

/** SLOs on latencies that an engine does not measure of the requests that they cover. */
export function unmeasuredBy(engine: EngineName, load: LoadPlan, slos: Slos): Unsupported[] {
  return slos.flatMap(({ objective, class: name }, index) => {
    const { latencies, of } = measurable(load, name, CAPABILITIES[engine].latencies);
    const wanted = objective.check.latencies?.(objective.objective) ?? [];
    if (wanted.every(metric => latencies.includes(metric))) return [];
    const expected = `on ${latencies.join(', ')}${of} with the engine ${engine}`;
    return [{ field: `slos[${index}].objective`, expected, found: objective.text }];
  });
}

/** Latencies of the requests that an SLO covers. @param name of their class; undefined for all @param all those of a token stream */
function measurable({ workload, clients }: LoadPlan, name: string | undefined, all: readonly string[]) {
  if (workload.kind === 'http') return { latencies: PLAIN_LATENCIES, of: ' of plain HTTP' };
  const classes = (clients?.classes ?? []).filter(own => name === undefined || own.name === name);
  const covered = classes.length === 0 ? [workload] : classes.map(own => own.workload);
  if (covered.every(isStreamed)) return { latencies: all, of: '' };
  return { latencies: WHOLE_LATENCIES, of: ' of answers without a stream (`stream: false`, or embeddings)' };
}

/**
 * The engine that `auto` stands for: `k6` for plain HTTP above 5,000 arrivals per second, if k6 is on PATH or in `.tools/bin` and
 * supports the plan (constant arrivals above all); otherwise `stream`.
 *
 * At lower rates k6 only costs more: three to five times the CPU of `stream` per request (0.40 against 0.09 ms at 1,500/s, on two
 * shared cores) and about 0.6 ms of latency. Its virtual users run on all cores, though, and a `stream` process on one. A load that
 * is split keeps `stream`: workers use more cores for less, and segments must not depend on which machine has k6.
 * @param k6 whether k6 is installed
 */
export function chooseEngine(
  load: LoadPlan,
  slos: Slos,
  context: EngineContext = DEFAULT_CONTEXT,
  k6: () => boolean = hasK6,
): EngineName {
  const maxPerSecond = Math.max(...load.ramps.map(s => Math.max(s.fromPerSecond, s.toPerSecond)));
  const isPlain = kindOf(load.workload) !== 'chat';
  const isFast = maxPerSecond > HIGH_RATE_PER_SECOND;
  const isSplit = context.hasWorkers || context.isSegment;
  const wantsK6 = isPlain && isFast && !isSplit && unsupportedBy('k6', load, slos, context).length === 0;
  return wantsK6 && k6() ? 'k6' : 'stream';
}

function kindOf({ kind = 'chat' }: Workload): string {
  return kind;
}
