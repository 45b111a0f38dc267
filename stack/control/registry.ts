import type { CheckDefinition, CheckStatus, ServiceDefinition } from './consul/definition.ts';

/** Current state of a check. */
export interface CheckState {
  readonly definition: CheckDefinition;
  readonly status: CheckStatus;
  /** Output of the latest result. */
  readonly output: string;
  readonly createIndex: number;
  readonly modifyIndex: number;
  /** Start of the current critical period; undefined while not critical. */
  readonly criticalSinceMs: number | undefined;
  /** Expiry of a TTL check; undefined for others. */
  readonly expiresAtMs: number | undefined;
}

/** Registered instance and its checks. */
export interface ServiceState {
  readonly definition: ServiceDefinition;
  readonly createIndex: number;
  readonly modifyIndex: number;
  readonly checks: readonly CheckState[];
}

/** Change made by {@link Registry.tick}, for the log. */
interface RegistryEvent {
  readonly kind: 'expired' | 'reaped';
  readonly serviceId: string;
  readonly checkId: string;
}

/** Why a change failed. */
export type RegistryError = 'unknown-service' | 'unknown-check' | 'no-ttl';

/**
 * Registry of instances and their health: the core of a Consul agent and catalog, without sockets, timers or a clock.
 *
 * ```
 * register ─▶ critical ──pass──▶ passing ──TTL expires──▶ critical ──deregisterAfter──▶ removed
 *                          ▲────────── pass ─────────────────┘            deregister ──▶ removed
 * ```
 *
 * Exactly the visible changes increase the index. A heartbeat that repeats the status does not, or every heartbeat would end all
 * blocking queries. Each service name has its own index.
 */
export class Registry {
  readonly #services = new Map<string, ServiceState>();
  readonly #indexes = new Map<string, number>();
  readonly #firstIndex: number;
  #index: number;
  #namesIndex: number;

  /** @param firstIndex initial index; should exceed all indexes from before a restart */
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
    const checks = definition.checks.map(check => newCheck(check, known, nowMs));
    const unchanged = same && checks.every((check, i) => check.status === known.checks[i]!.status);
    const index = unchanged ? known.modifyIndex : this.#incrementIndex(definition.name, true);
    this.#services.set(definition.id, {
      definition,
      createIndex: known?.createIndex ?? index,
      modifyIndex: same ? known.modifyIndex : index,
      checks: checks.map((check, i) => stamp(check, known?.checks[i], index)),
    });
  }

  /** Removes an instance. */
  deregister(id: string): RegistryError | undefined {
    const service = this.#services.get(id);
    if (!service) return 'unknown-service';
    this.#services.delete(id);
    this.#incrementIndex(service.definition.name, true);
    return undefined;
  }

  /** Records a heartbeat of a TTL check. */
  heartbeat(checkId: string, status: CheckStatus, output: string, nowMs: number): RegistryError | undefined {
    const found = this.#findCheck(checkId);
    if (!found) return 'unknown-check';
    const { method } = found.check.definition;
    if (method.kind !== 'ttl') return 'no-ttl';
    this.#setCheck(found.service, found.check, status, output, nowMs, nowMs + method.ttlMs);
    return undefined;
  }

  /** Records the result of a check run elsewhere. Results of removed checks are ignored. */
  observe(checkId: string, status: CheckStatus, output: string, nowMs: number): void {
    const found = this.#findCheck(checkId);
    if (found) this.#setCheck(found.service, found.check, status, output, nowMs, undefined);
  }

  /** Applies timeouts: expires TTLs and deregisters services that have been critical for too long. Must be called often. */
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
          nowMs - (state.criticalSinceMs ?? nowMs) >= check.deregisterAfterMs
        ) {
          this.deregister(definition.id);
          events.push({ kind: 'reaped', ...event });
        }
      }
    return events;
  }

  /** Instances sorted by id, of one service if `name` is given. */
  services(name?: string): ServiceState[] {
    return [...this.#services.values()]
      .filter(service => name === undefined || service.definition.name === name)
      .sort((a, b) => (a.definition.id < b.definition.id ? -1 : 1));
  }

  /** Index of a service's instances and checks; without a name the overall index. */
  index(name?: string): number {
    return name === undefined ? this.#index : (this.#indexes.get(name) ?? this.#firstIndex);
  }

  /** Index of registrations, regardless of checks. */
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
    const modifyIndex = changed ? this.#incrementIndex(service.definition.name, false) : check.modifyIndex;
    const criticalSinceMs = status === 'critical' ? (check.criticalSinceMs ?? nowMs) : undefined;
    const next = { ...check, status, output, expiresAtMs, criticalSinceMs, modifyIndex };
    const checks = service.checks.map(other => (other === check ? next : other));
    this.#services.set(service.definition.id, { ...service, checks });
  }

  #incrementIndex(name: string, membership: boolean): number {
    this.#index += 1;
    this.#indexes.set(name, this.#index);
    if (membership) this.#namesIndex = this.#index;
    return this.#index;
  }
}

/** Worst status among an instance's checks; passing without checks. */
export function worstStatus(checks: readonly Pick<CheckState, 'status'>[]): CheckStatus {
  const statuses = checks.map(({ status }) => status);
  if (statuses.includes('critical')) return 'critical';
  return statuses.includes('warning') ? 'warning' : 'passing';
}

function newCheck(definition: CheckDefinition, service: ServiceState | undefined, nowMs: number): CheckState {
  const before = service?.checks.find(other => other.definition.id === definition.id);
  const status = definition.status ?? before?.status ?? 'critical';
  const ttlMs = definition.method.kind === 'ttl' ? definition.method.ttlMs : undefined;
  return {
    definition,
    status,
    output: before?.output ?? '',
    createIndex: before?.createIndex ?? 0,
    modifyIndex: before?.modifyIndex ?? 0,
    criticalSinceMs: status === 'critical' ? (before?.criticalSinceMs ?? nowMs) : undefined,
    // A registration restarts the TTL.
    expiresAtMs: ttlMs === undefined ? undefined : nowMs + ttlMs,
  };
}

function stamp(check: CheckState, before: CheckState | undefined, index: number): CheckState {
  const same = before !== undefined && before.definition.id === check.definition.id && before.status === check.status;
  return { ...check, createIndex: check.createIndex || index, modifyIndex: same ? before.modifyIndex : index };
}
