import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFault } from '../../faults/catalog.ts';
import { type Clock, NEVER } from '../../harness/clock.ts';
import type { Platform, RunningLoad } from '../../harness/contracts.ts';
import { messageOf, SquallError } from '../../harness/errors.ts';
import { historyInMemory, type TimedEvent } from '../../harness/history.ts';
import type { RequestRecord } from '../../harness/requests.ts';
import { run } from '../../harness/run.ts';
import { readRequests } from '../../reports/store/requests-file.ts';
import { readDecisions } from '../../stack/autoscaler/decision-log.ts';
import { sampleStack } from '../../stack/observability/sampler.ts';
import type { Topology } from '../../stack/topology.ts';
import type { CompiledScenario } from '../compile.ts';
import { type VirtualRun, virtualRun } from './virtual.ts';

/** What a run left, before its folder is removed. */
export interface MemoryRecord {
  readonly events: readonly TimedEvent[];
  readonly records: readonly RequestRecord[];
  /** Text of the log of a replica; empty for none. */
  readonly log: (name: string) => string;
  /** Code and message of the error that ended it early; absent if it came to its end. */
  readonly crash?: { readonly code: string; readonly message: string };
  /** Virtual time from its beginning to its end. */
  readonly virtualMs: number;
}

/** Options of {@link recordInMemory}. */
export interface MemoryOptions {
  /** Stands in for the platform. @default the platform itself */
  readonly platform?: (platform: Platform<Topology>, virtual: VirtualRun) => Platform<Topology>;
  readonly onLoad?: (load: RunningLoad, clock: Clock) => void;
  /** Interrupts it, as of any run. @default never */
  readonly signal?: AbortSignal;
}

/**
 * Runs a scenario in virtual time in this process as `squall run --platform virtual` does. It is not stored: only the logs of its services
 * and its requests are written, to a folder that is removed when `read` has settled.
 * @returns what `read` returns
 */
export async function recordInMemory<T>(
  compiled: CompiledScenario,
  { platform = own => own, onLoad, signal = NEVER }: MemoryOptions,
  read: (record: MemoryRecord) => T | Promise<T>,
): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'squall-memory-'));
  try {
    const { plan, topology } = compiled;
    const virtual = virtualRun(plan);
    const { clock, engine, identity, within } = virtual;
    const history = historyInMemory(clock);
    const environment = { ...identity, machine: {}, versions: {} };
    const parts = { plan, topology, environment, engine, createFault, history, directory, clock, signal };
    let crash: MemoryRecord['crash'];
    await within(() =>
      run({
        ...parts,
        decisions: () => readDecisions(directory),
        platform: platform(virtual.platform, virtual),
        metrics: sampleStack(),
        ...(onLoad && { onLoad: load => onLoad(load, clock) }),
      }),
    ).catch(error => {
      crash = { code: error instanceof SquallError ? error.code : 'CRASHED', message: messageOf(error) };
    });
    return await read({
      events: history.events(),
      records: [...(await readRequests(directory))],
      log: name => logIn(directory, name),
      ...(crash && { crash }),
      virtualMs: clock.nowMs(),
    });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function logIn(directory: string, name: string): string {
  const path = join(directory, `${name}.log`);
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
