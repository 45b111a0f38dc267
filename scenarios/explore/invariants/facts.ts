import type { TimedEvent } from '../../../harness/history.ts';
import type { RunPlan } from '../../../harness/plan.ts';
import type { RequestRecord } from '../../../harness/requests.ts';
import { type ExposedSample, parseExposition } from '../../../stack/observability/exposition.ts';
import type { SettledOptions } from '../../../stack/options.ts';
import type { ReplicaPlan } from '../../../stack/replica-plan.ts';
import type { LinkPlan } from '../../../stack/topology.ts';

/** State of a stack after the last request had ended and every fault was healed, right before it was taken down. */
export interface EndFacts {
  readonly plan: RunPlan;
  readonly topology: {
    readonly replicas: readonly Pick<ReplicaPlan, 'name' | 'service' | 'zone'>[];
    readonly links: readonly Pick<LinkPlan, 'name' | 'to' | 'fromZone'>[];
  };
  /** Metrics of each replica in Prometheus' text format, by name, without those that did not respond. */
  readonly finalMetrics: Readonly<Record<string, string>>;
  /** State of each replica, as its supervisor saw it. */
  readonly finalStates: Readonly<Record<string, string>>;
  /** Connections of which only one end is still open, in words; empty where nobody sees them. */
  readonly halfOpen: readonly string[];
}

/** Everything that a run leaves behind that came to its end, for an {@link Invariant}. */
export interface InvariantFacts extends EndFacts {
  /** The whole history, with times from the start of the load phase. */
  readonly events: readonly TimedEvent[];
  /** All request records, warm-up included, in scheduled order. */
  readonly records: readonly RequestRecord[];
  /** Log of a service by name: lines of JSON; empty for one that never started. */
  log(name: string): string;
}

/** Something that holds whatever faults were injected. */
export interface Invariant<Facts = InvariantFacts> {
  /** Stable, in kebab case. */
  readonly name: string;
  /** Every breach, as a sentence with names and figures; empty if it holds, and where the facts do not say. A pure function. */
  breaches(facts: Facts): readonly string[];
}

/** Line of a service's log. */
export interface LogLine {
  readonly replica: string;
  /** On the run's timeline, in whole ms. */
  readonly atMs: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** Options of the stack of a plan, which has them as plain JSON. */
export function stackOf({ stack }: RunPlan): SettledOptions {
  return stack as unknown as SettledOptions;
}

/** Names of the replicas of a service. */
export function replicasOf({ topology }: Pick<EndFacts, 'topology'>, service: string): string[] {
  return topology.replicas.filter(replica => replica.service === service).map(({ name }) => name);
}

/** Id of the run in its request ids. */
export function runOf({ events }: Pick<InvariantFacts, 'events'>): string {
  return events.find(event => event.type === 'plan')?.environment.id ?? '';
}

/** Lines of logs that were read before, since every invariant needs them. */
const READ = new WeakMap<InvariantFacts, Map<string, LogLine[]>>();

/** Lines of the logs of all replicas of a service; those that are no JSON are left out. */
export function linesOf(facts: InvariantFacts, service: string): readonly LogLine[] {
  const read = READ.get(facts) ?? new Map<string, LogLine[]>();
  READ.set(facts, read);
  const lines = read.get(service) ?? replicasOf(facts, service).flatMap(replica => readLog(facts, replica));
  read.set(service, lines);
  return lines;
}

function readLog({ events, log }: InvariantFacts, replica: string): LogLine[] {
  const start = events.find(event => event.type === 'start');
  const originMs = start?.at === undefined ? 0 : Date.parse(start.at);
  return log(replica)
    .split('\n')
    .flatMap(text => {
      const line = parsed(text);
      return line ? [{ ...line, replica, atMs: Number(line.time) - originMs, msg: String(line.msg) }] : [];
    });
}

/** Request lines among `lines`, by the id that their clients gave them. */
export function byRequest(lines: readonly LogLine[]): ReadonlyMap<string, readonly LogLine[]> {
  const requests = lines.filter(({ msg, requestId }) => msg === 'request' && typeof requestId === 'string');
  return Map.groupBy(requests, ({ requestId }) => requestId as string);
}

/** A sample of a replica's last metrics, with its labels. */
export interface FinalSample extends Omit<ExposedSample, 'labels'> {
  readonly labels: Readonly<Record<string, string>>;
}

/** Samples of a name in the last metrics of a replica; undefined if it did not respond. */
export function finalSamples({ finalMetrics }: EndFacts, replica: string, name: string): FinalSample[] | undefined {
  const text = finalMetrics[replica];
  if (text === undefined) return undefined;
  return parseExposition(text, found => found === name).map(sample => ({ ...sample, labels: labelsOf(sample.labels) }));
}

function labelsOf(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]));
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
