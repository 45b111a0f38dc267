import { randomBytes } from 'node:crypto';
import { accessSync, constants, mkdirSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { createFault } from '../faults/catalog.ts';
import { connectToxiproxy } from '../faults/toxiproxy/client.ts';
import { findToxiproxy } from '../faults/toxiproxy/find.ts';
import { type Clock, systemClock } from '../harness/clock.ts';
import type { Platform, RunningLoad } from '../harness/contracts.ts';
import { messageOf, SquallError } from '../harness/errors.ts';
import { type History, openHistory, type Surroundings } from '../harness/history.ts';
import type { PlatformKind } from '../harness/plan.ts';
import { run } from '../harness/run.ts';
import { ARTIFACTS, judgeDirectory, publish } from '../reports/publish.ts';
import { sealRequests } from '../reports/requests-file.ts';
import type { RenderInput } from '../reports/run-document.ts';
import { sampleStack } from '../stack/observability/sampler.ts';
import { processPlatform } from '../stack/platform/process/platform.ts';
import type { Topology } from '../stack/topology.ts';
import type { CompiledScenario } from './compile.ts';
import { streamEngine } from './load/stream.ts';

/** What a session tells while it runs. */
export interface SessionObserver {
  history(history: History, directory: string): void;
  load(load: RunningLoad): void;
}

/** How {@link runSession} is called. */
export interface SessionOptions {
  /** Folder of run directories. */
  readonly out: string;
  readonly signal: AbortSignal;
  readonly observer?: Partial<SessionObserver>;
  /** @default systemClock */
  readonly clock?: Clock;
}

/** A run that has been judged and published. */
export interface Session {
  readonly directory: string;
  readonly result: RenderInput;
}

/**
 * Runs a compiled scenario in a fresh run directory, judges it and publishes its reports. A run that crashed is judged and
 * published as far as it came, then its error is thrown.
 * @throws SquallError
 */
export async function runSession(compiled: CompiledScenario, options: SessionOptions): Promise<Session> {
  const { signal, observer = {}, clock = systemClock } = options;
  const { surroundings, directory } = openRunDirectory(compiled.plan.scenario, options.out, clock);
  const parts = {
    ...compiled,
    surroundings,
    platform: await platformOf(compiled.plan.platform),
    engine: streamEngine,
    createFault,
    metrics: sampleStack(),
    directory,
    clock,
    signal,
  };
  let crash: unknown;
  {
    using history = openHistory(join(directory, ARTIFACTS.events), clock);
    observer.history?.(history, directory);
    await run({ ...parts, history, onLoad: load => observer.load?.(load) }).catch(error => {
      crash = error;
    });
  }
  await sealRequests(directory);
  const result = await judgeDirectory(directory);
  publish(directory, result);
  if (crash) throw crash;
  return { directory, result };
}

/**
 * Makes a fresh run directory below `out`.
 * @throws SquallError `OUTPUT_NOT_WRITABLE`
 */
export function openRunDirectory(
  scenario: string,
  out: string,
  clock: Clock,
): { readonly surroundings: Surroundings; readonly directory: string } {
  const surroundings = describeSurroundings(scenario, clock);
  return { surroundings, directory: makeDirectory(out, surroundings.id) };
}

/** The platform of a kind, loaded when it is wanted: testcontainers is most of what Squall would load otherwise. */
export async function platformOf(kind: PlatformKind): Promise<Platform<Topology>> {
  if (kind === 'process') return processPlatform({ find: findToxiproxy, connect: connectToxiproxy });
  const { dockerPlatform } = await import('../stack/platform/docker/platform.ts');
  return dockerPlatform({ connect: connectToxiproxy });
}

function describeSurroundings(scenario: string, clock: Clock): Surroundings {
  const startedAt = clock.date().toISOString();
  const stamp = startedAt.slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
  const cores = cpus();
  return {
    id: `${scenario}-${stamp}-${randomBytes(2).toString('hex')}`,
    startedAt,
    machine: {
      platform: `${process.platform} ${process.arch}`,
      kernel: release(),
      cpu: cores[0]?.model ?? 'unknown',
      cores: cores.length,
      memoryGiB: Number((totalmem() / 2 ** 30).toFixed(1)),
    },
    versions: { node: process.versions.node },
  };
}

function makeDirectory(out: string, id: string): string {
  const directory = join(out, id);
  try {
    mkdirSync(directory, { recursive: true });
    accessSync(directory, constants.W_OK);
    return directory;
  } catch (error) {
    throw new SquallError(
      'environment',
      'OUTPUT_NOT_WRITABLE',
      `Expected to write below ${out}, but: ${messageOf(error)}`,
      {
        cause: error,
        next: `Make ${dirname(directory)} writable, or choose another folder with --out.`,
      },
    );
  }
}
