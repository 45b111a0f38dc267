import type { TimedEvent } from '../../../harness/history.ts';
import type { FaultPlan, RunPlan } from '../../../harness/plan.ts';
import { type RequestRecord, requestRecord } from '../../../harness/requests.ts';
import type { InvariantFacts } from '../../../scenarios/explore/invariants/facts.ts';
import { settleOptions, stackOptionsSchema } from '../../../stack/options.ts';

/** Start of the load phase by the wall clock of the logs. */
const START = Date.UTC(2030, 0, 1);
/** Id of the run. */
const RUN = 'scripted';

/** A fault that was injected at `fromMs` and healed at `toMs`. */
export interface ScriptedFault {
  readonly kind: string;
  readonly on: string;
  readonly fromMs: number;
  readonly toMs?: number;
  /** When healing began. @default `toMs` */
  readonly healMs?: number;
  readonly parameters?: FaultPlan['parameters'];
}

/** Line of a service's log: a request that lasted from `startMs` to `atMs`, unless it has another `msg`. */
export interface ScriptedLine {
  readonly startMs?: number;
  readonly atMs: number;
  /** Index of the request's record. */
  readonly of?: number;
  readonly [field: string]: unknown;
}

/** What a test scripts; everything else is as in a run without faults and without requests. */
export interface Script {
  readonly faults?: readonly ScriptedFault[];
  readonly records?: readonly Partial<RequestRecord>[];
  readonly logs?: Readonly<Record<string, readonly ScriptedLine[]>>;
  readonly metrics?: Readonly<Record<string, string>>;
  readonly states?: Readonly<Record<string, string>>;
  readonly halfOpen?: readonly string[];
  /** Number of requests that the load reports. @default that of the records */
  readonly started?: number;
  readonly stack?: Readonly<Record<string, unknown>>;
  /** @default true */
  readonly isSteady?: boolean;
}

const SERVICES = ['control', 'redis', 'inference-1', 'inference-2', 'gateway-1', 'gateway-2'];
const LINKS = ['client→gateway-1', 'client→gateway-2', 'gateway→inference-1', 'gateway→inference-2', 'gateway→control'];

/** Facts of a stack of two gateways and two engines, with discovery and Redis. */
export function scripted(script: Script): InvariantFacts {
  const { faults = [], records = [], logs = {}, metrics = {}, halfOpen = [], stack = {} } = script;
  const options = settleOptions(
    stackOptionsSchema.parse({
      gateway: { replicas: 2 },
      inference: { replicas: 2 },
      control: {},
      redis: {},
      ...stack,
    }),
    () => true,
  );
  const plans = faults.map(({ kind, on, fromMs, toMs, parameters = {} }, nth) => {
    const forMs = toMs === undefined ? null : toMs - fromMs;
    return { id: `f${nth + 1}`, kind, target: on, atMs: fromMs, forMs, parameters };
  });
  const plan = { faults: plans, stack: options, load: { ramps: [], idleTimeoutMs: 30_000 } } as unknown as RunPlan;
  const all = records.map((record, index) =>
    requestRecord({ index, scheduledMs: 0, sentMs: 0, endMs: 100, outcome: 'ok', stage: '1', ...record }),
  );
  const summary = { cpuMs: 0, wallMs: 0, peakRssBytes: 0, requests: script.started ?? all.length };
  const events: readonly TimedEvent[] = [
    { type: 'plan', plan, environment: { id: RUN, startedAt: '', machine: {}, versions: {} }, atMs: -1000 },
    { type: 'start', inMs: 0, at: new Date(START).toISOString(), atMs: 0 },
    ...['inference-1', 'inference-2'].map(
      replica => ({ type: 'replica', replica, service: 'inference', state: 'ready', atMs: -500 }) as const,
    ),
    ...faults.flatMap(({ fromMs, toMs, healMs = toMs }, nth): TimedEvent[] => {
      const event = (step: 'inject' | 'heal' | 'healed', atMs: number): TimedEvent => ({
        ...{ type: 'fault', id: `f${nth + 1}`, step, evidence: '', atMs },
      });
      return [
        event('inject', fromMs),
        ...(healMs === undefined ? [] : [event('heal', healMs)]),
        ...(toMs === undefined ? [] : [event('healed', toMs)]),
      ];
    }),
    ...(script.isSteady === false ? [{ type: 'invalid', guard: 'steady-state', reason: '', atMs: 0 } as const] : []),
    { type: 'load', summary, atMs: 20_000 },
  ];
  const states = Object.fromEntries(SERVICES.map(name => [name, 'ready']));
  return {
    ...{
      plan,
      events,
      halfOpen,
      records: all,
      finalStates: { ...states, ...script.states },
      finalMetrics: metrics,
    },
    topology: {
      replicas: SERVICES.map(name => ({ name, service: name.replace(/-\d$/, ''), zone: 'zone-a' })),
      links: LINKS.map(name => ({ name, to: name.split('→')[1]! })),
    },
    log: name => (logs[name] ?? []).map(text => `${JSON.stringify(lineOf(text))}\n`).join(''),
  };
}

function lineOf({ startMs, atMs, of, ...fields }: ScriptedLine): Readonly<Record<string, unknown>> {
  return {
    ...{ time: START + atMs, msg: 'request' },
    ...(of !== undefined && { requestId: `squall-${RUN}-${of}` }),
    ...(startMs !== undefined && { durationMs: atMs - startMs }),
    ...fields,
  };
}

/** Metrics of a gateway that sees both engines in these states. */
export function gatewayMetrics(first: string, second: string, more = ''): string {
  return `gateway_upstream_state{upstream="inference-1",state="${first}"} 1
gateway_upstream_state{upstream="inference-2",state="${second}"} 1
${more}`;
}
