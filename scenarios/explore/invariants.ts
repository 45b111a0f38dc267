import type { TimedEvent } from '../../harness/history.ts';
import type { RunPlan } from '../../harness/plan.ts';
import type { RequestRecord } from '../../harness/requests.ts';
import type { Topology } from '../../stack/topology.ts';

/** What is known of a run in virtual time that has ended, for {@link checkInvariants}. */
export interface InvariantFacts {
  readonly plan: RunPlan;
  readonly topology: Topology;
  /** The whole history, with times from the start of the load phase. */
  readonly events: readonly TimedEvent[];
  /** All request records, warm-up included, in scheduled order. */
  readonly records: readonly RequestRecord[];
  /** Log of each service, and of the fault proxy (`toxiproxy`), by name: lines of JSON. */
  log(name: string): string;
  /**
   * Metrics of each replica in Prometheus' text format, by name, taken {@link SETTLE_MS} after the last request had ended and every
   * fault was healed, right before the stack was taken down. A replica that did not respond is missing; all are if the run crashed.
   */
  readonly finalMetrics: Readonly<Record<string, string>>;
  /** State of each replica at that time, as its supervisor saw it; empty if the run crashed. */
  readonly finalStates: Readonly<Record<string, string>>;
}

/** What was not as it must always be. */
export interface Violation {
  /** Stable name of the invariant in kebab case. */
  readonly invariant: string;
  /** One sentence with figures. */
  readonly message: string;
}

/** Virtual time between the end of a run's load and the last look at its services, in ms. */
export const SETTLE_MS = 20_000;

/** Checks what holds in every run, whatever its faults and its SLOs. A pure function. @returns the violations, none if all hold */
export function checkInvariants(facts: InvariantFacts): Violation[] {
  return [...requestsEnd(facts)];
}

/** Every request that was started has a record. */
function requestsEnd({ records, events }: InvariantFacts): Violation[] {
  const summary = events.find(event => event.type === 'load')?.summary;
  const sent = records.filter(({ sentMs }) => sentMs !== null).length;
  const started = summary?.requests ?? sent;
  const interrupted = records.filter(({ outcome }) => outcome === 'interrupted').length;
  if (started === sent && interrupted === 0) return [];
  const message = `${started} requests were started, ${sent} have a record, and ${interrupted} of them had not ended when the load was stopped.`;
  return [{ invariant: 'every-request-ends', message }];
}
