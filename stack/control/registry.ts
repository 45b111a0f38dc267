import type { CheckDefinition, CheckStatus, ServiceDefinition } from './consul/definition.ts';

/** One check as it stands. */
export interface CheckState {
  readonly definition: CheckDefinition;
  readonly status: CheckStatus;
  /** What the latest result said. */
  readonly output: string;
  readonly createIndex: number;
  readonly modifyIndex: number;
  /** Since when it has been critical without a break; undefined while it is not. */
  readonly criticalSinceMs: number | undefined;
  /** When a TTL check runs out; undefined for others. */
  readonly expiresAtMs: number | undefined;
}

/** One registered instance with its checks. */
export interface ServiceState {
  readonly definition: ServiceDefinition;
  readonly createIndex: number;
  readonly modifyIndex: number;
  readonly checks: readonly CheckState[];
}

/** What {@link Registry.tick} did, for the log. */
export type RegistryEvent =
  | { readonly kind: 'expired'; readonly serviceId: string; readonly checkId: string }
  | { readonly kind: 'reaped'; readonly serviceId: string; readonly checkId: string };

/** Why a change was refused. */
export type Refusal = 'unknown-service' | 'unknown-check' | 'no-ttl';

/**
 * Who is there and who is well: the core of a Consul agent and catalogue in one, without sockets, timers or a clock.
 *
 * ```
 * register ─▶ critical ──pass──▶ passing ──TTL runs out──▶ critical ──deregisterAfter──▶ gone
 *                          ▲────────── pass ──────────────────┘            deregister ──▶ gone
 * ```
 *
 * Every change that a reader could see raises the index, and only such a change: a heartbeat that repeats the status does not,
 * or every blocking query would return at every heartbeat. Each service name has an index of its own.
 */
export class Registry {
  readonly #services = new Map<string, ServiceState>();
  readonly #indexes = new Map<string, number>();
  readonly #firstIndex: number;
  #index: number;
  #namesIndex: number;

  /** @param firstIndex where indexes begin; larger than any of an earlier life, if possible, so that none is mistaken */
  constructor(firstIndex = 1) {
    this.#firstIndex = firstIndex;
    this.#index = firstIndex;
    this.#namesIndex = firstIndex;
  }

  /** Adds an instance, or replaces the one with the same id. A check keeps its status unless the definition names one. */
  register(definition: ServiceDefinition, nowMs: number): void {
    const before = this.#services.get(definition.id);
    if (before && before.definition.name !== definition.name) this.deregister(definition.id);
    const known = this.#services.get(definition.id);
    const same = known !== undefined && JSON.stringify(known.definition) === JSON.stringify(definition);
    const checks = definition.checks.map(check =>
      newCheck(
        check,
        known?.checks.find(other => other.definition.id === check.id),
        nowMs,
      ),
    );
    const settled = known !== undefined && same && checks.every((check, i) => check.status === known.checks[i]!.status);
    const index = settled ? known.modifyIndex : this.#raise(definition.name, true);
    this.#services.set(definition.id, {
      definition,
      createIndex: known?.createIndex ?? index,
      modifyIndex: same ? known.modifyIndex : index,
      checks: checks.map((check, i) => stamp(check, known?.checks[i], index)),
    });
  }

  deregister(id: string): Refusal | undefined {
    const service = this.#services.get(id);
    if (!service) return 'unknown-service';
    this.#services.delete(id);
    this.#raise(service.definition.name, true);
    return undefined;
  }

  /** A heartbeat. Only TTL checks take one. */
  heartbeat(checkId: string, status: CheckStatus, output: string, nowMs: number): Refusal | undefined {
    const found = this.#findCheck(checkId);
    if (!found) return 'unknown-check';
    const { method } = found.check.definition;
    if (method.kind !== 'ttl') return 'no-ttl';
    this.#setCheck(found.service, found.check, status, output, nowMs, nowMs + method.ttlMs);
    return undefined;
  }

  /** The result of a check that somebody else carried out. Results of checks that are gone are ignored. */
  observe(checkId: string, status: CheckStatus, output: string, nowMs: number): void {
    const found = this.#findCheck(checkId);
    if (found) this.#setCheck(found.service, found.check, status, output, nowMs, undefined);
  }

  /** Lets time act: TTLs run out, services that have been critical for too long go. To be called often. */
  tick(nowMs: number): RegistryEvent[] {
    const events: RegistryEvent[] = [];
    for (const { definition } of [...this.#services.values()])
      for (const check of definition.checks) {
        const service = this.#services.get(definition.id);
        const state = service?.checks.find(other => other.definition.id === check.id);
        if (!service || !state) break;
        const event = { serviceId: definition.id, checkId: check.id };
        if (state.expiresAtMs !== undefined && state.expiresAtMs <= nowMs) {
          const output = `TTL expired (last output before timeout follows): ${state.output}`;
          this.#setCheck(service, state, 'critical', output, nowMs, undefined);
          events.push({ kind: 'expired', ...event });
        } else if (
          check.deregisterAfterMs !== undefined &&
          state.criticalSinceMs !== undefined &&
          nowMs - state.criticalSinceMs >= check.deregisterAfterMs
        ) {
          this.deregister(definition.id);
          events.push({ kind: 'reaped', ...event });
        }
      }
    return events;
  }

  /** All instances, by id; of one service if `name` is given. Sorted by id. */
  services(name?: string): ServiceState[] {
    return [...this.#services.values()]
      .filter(service => name === undefined || service.definition.name === name)
      .sort((a, b) => (a.definition.id < b.definition.id ? -1 : 1));
  }

  /** The index of a service's instances and their checks; without a name that of everything. */
  index(name?: string): number {
    return name === undefined ? this.#index : (this.#indexes.get(name) ?? this.#firstIndex);
  }

  /** The index of who is registered, whatever the checks say. */
  get namesIndex(): number {
    return this.#namesIndex;
  }

  #findCheck(id: string): { service: ServiceState; check: CheckState } | undefined {
    for (const service of this.#services.values()) {
      const check = service.checks.find(other => other.definition.id === id);
      if (check) return { service, check };
    }
    return undefined;
  }

  #setCheck(
    service: ServiceState,
    check: CheckState,
    status: CheckStatus,
    output: string,
    nowMs: number,
    expiresAtMs: number | undefined,
  ): void {
    const changed = status !== check.status;
    const modifyIndex = changed ? this.#raise(service.definition.name, false) : check.modifyIndex;
    const criticalSinceMs = status === 'critical' ? (check.criticalSinceMs ?? nowMs) : undefined;
    const next = { ...check, status, output, expiresAtMs, criticalSinceMs, modifyIndex };
    const checks = service.checks.map(other => (other === check ? next : other));
    this.#services.set(service.definition.id, { ...service, checks });
  }

  #raise(name: string, membership: boolean): number {
    this.#index += 1;
    this.#indexes.set(name, this.#index);
    if (membership) this.#namesIndex = this.#index;
    return this.#index;
  }
}

/** The worst status among an instance's checks; an instance without any passes. */
export function worstStatus(checks: readonly Pick<CheckState, 'status'>[]): CheckStatus {
  const statuses = checks.map(({ status }) => status);
  if (statuses.includes('critical')) return 'critical';
  return statuses.includes('warning') ? 'warning' : 'passing';
}

function newCheck(definition: CheckDefinition, before: CheckState | undefined, nowMs: number): CheckState {
  const status = definition.status ?? before?.status ?? 'critical';
  const ttlMs = definition.method.kind === 'ttl' ? definition.method.ttlMs : undefined;
  return {
    definition,
    status,
    output: before?.output ?? '',
    createIndex: before?.createIndex ?? 0,
    modifyIndex: before?.modifyIndex ?? 0,
    criticalSinceMs: status === 'critical' ? (before?.criticalSinceMs ?? nowMs) : undefined,
    // A check that has run out stays so until its next heartbeat; a fresh one gets its whole time.
    expiresAtMs: ttlMs === undefined ? undefined : nowMs + ttlMs,
  };
}

function stamp(check: CheckState, before: CheckState | undefined, index: number): CheckState {
  const same = before !== undefined && before.definition.id === check.definition.id && before.status === check.status;
  return { ...check, createIndex: check.createIndex || index, modifyIndex: same ? before.modifyIndex : index };
}
