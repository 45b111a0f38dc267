import { join } from 'node:path';
import { createFault } from '../../faults/catalog.ts';
import { connectToxiproxy } from '../../faults/toxiproxy/client.ts';
import { findToxiproxy } from '../../faults/toxiproxy/find.ts';
import type { Platform, RunningLoad } from '../../harness/contracts.ts';
import { messageOf, SquallError } from '../../harness/errors.ts';
import { type History, openHistory } from '../../harness/history.ts';
import { thisMachine } from '../../harness/host/network.ts';
import { loadEndMs, type RunPlan } from '../../harness/plan.ts';
import { type RunParts, run } from '../../harness/run.ts';
import { partitionOfSegment, WHOLE } from '../../harness/segment.ts';
import type { Versions } from '../../harness/versions.ts';
import { type EngineName, engines } from '../../load/engines.ts';
import { awaitReady, NotReady } from '../../load/inspect/ready.ts';
import { requireK6 } from '../../load/k6/program/find.ts';
import { withDockerPackages } from '../../platform/docker/engine.ts';
import { directPlatform, externalPlatform } from '../../platform/external/platform.ts';
import { processPlatform } from '../../platform/process/platform.ts';
import { ARTIFACTS, judgeDirectory, publish } from '../../reports/publish.ts';
import { sealAsItGrows } from '../../reports/store/requests/sealing.ts';
import { sealRequests } from '../../reports/store/requests-file.ts';
import type { RenderInput } from '../../reports/store/run-document.ts';
import { readDecisions } from '../../stack/autoscaler/decision-log.ts';
import { type MetricsEndpoint, reachableEndpoints } from '../../stack/observability/endpoint.ts';
import { sampleStack } from '../../stack/observability/sampler.ts';
import { scrapeEndpoints } from '../../stack/observability/scraper.ts';
import type { Topology } from '../../stack/topology.ts';
import type { CompiledScenario } from '../compile.ts';
import { needsFaultProxy } from '../target/external.ts';
import { diskFull, isDiskFull, openRunDirectory } from './run-directory.ts';
import { diskBytesOf, LONG_ARRIVALS } from './run-size.ts';

/** Callbacks of a session. */
export interface SessionObserver {
  history(history: History, directory: string): void;
  load(load: RunningLoad): void;
}

/** Options of {@link runSession}. */
export interface SessionOptions {
  /** Folder of run directories. */
  readonly out: string;
  readonly signal: AbortSignal;
  /** Start of the load phase. @default as soon as possible */
  readonly startAt?: Date | undefined;
  /** The only versions to run with. @default any */
  readonly requiredVersions?: Versions | undefined;
  readonly observer?: Partial<SessionObserver> | undefined;
  /** How much of its requests a run writes before it seals them. @default 8 MiB a journal, 32,768 a row group */
  readonly sealing?: { readonly journalBytes: number; readonly groupRows: number };
}

/** Duration from which on a load whose arrivals nobody knows is a long one, in ms. */
const LONG_MS = 600_000;

/** A run that has been judged and published. */
export interface Session {
  /** The error of a run that crashed. */
  readonly crash?: unknown;
  readonly directory: string;
  /** Time that the run took on this machine's clock, in ms, without its judgement; no file has it, so that virtual time repeats every byte. */
  readonly wallMs: number;
  readonly result: RenderInput;
}

/**
 * Runs a compiled scenario in a new run directory, judges it and publishes its reports. A run that crashed is judged and published
 * as far as it got.
 * @throws SquallError if there is nothing to judge, or the reports cannot be written
 */
export async function runSession(compiled: CompiledScenario, options: SessionOptions): Promise<Session> {
  const { signal, observer = {}, startAt, requiredVersions, sealing } = options;
  // A missing k6 surfaces before the stack starts.
  const k6 = compiled.plan.load.engine === 'k6' ? await requireK6({}, signal) : undefined;
  const endpoints = await reachableEndpoints(compiled.external?.metrics ?? [], thisMachine, signal);
  const { environment, directory } = openRunDirectory(
    compiled.plan.scenario,
    options.out,
    thisMachine.clock,
    diskBytesOf(compiled.plan),
  );
  // Imported on demand, as the docker platform is.
  const virtual =
    compiled.plan.platform === 'virtual' ? (await import('./virtual.ts')).virtualRun(compiled.plan) : undefined;
  const clock = virtual?.clock ?? thisMachine.clock;
  const versions = { ...environment.versions, ...(k6 ? { k6: `${k6.version} (${k6.source})` } : {}) };
  const parts = {
    ...compiled,
    environment: { ...environment, versions, ...virtual?.identity },
    platform: virtual?.platform ?? (await platformOf(compiled)),
    engine: virtual?.engine ?? engines[compiled.plan.load.engine as EngineName],
    ...(startAt ? { startAt } : {}),
    ...(requiredVersions ? { requiredVersions } : {}),
    createFault,
    decisions: () => readDecisions(directory),
    ...metricsOf(compiled, endpoints),
    directory,
    journalBytes: sealing?.journalBytes,
    clock,
    signal,
  };
  const beganMs = thisMachine.clock.nowMs();
  let crash: unknown;
  {
    await using _ = sealer(compiled.plan, directory, parts.environment.id, sealing);
    using history = openHistory(join(directory, ARTIFACTS.events), clock);
    observer.history?.(history, directory);
    const awaitReady = readinessOf(compiled, history);
    let isNoted = false;
    const task = () =>
      run({ ...parts, history, ...(awaitReady && { awaitReady }), onLoad: load => observer.load?.(load) }).catch(
        error => {
          isNoted = true;
          throw error;
        },
      );
    await (virtual ? virtual.within(task) : task()).catch(error => {
      crash = error;
      // A run whose time has come to an end cannot record that itself, and on a full disk nobody can.
      if (!isNoted && !isDiskFull(error)) history.append({ type: 'crashed', reason: messageOf(error) });
    });
  }
  const wallMs = thisMachine.clock.nowMs() - beganMs;
  try {
    await sealRequests(directory, () => parts.environment.id, undefined, sealing?.groupRows);
    const result = await judgeDirectory(directory);
    publish(directory, result);
    return {
      directory,
      wallMs,
      result,
      ...(crash ? { crash: isDiskFull(crash) ? diskFull(options.out, crash) : crash } : {}),
    };
  } catch (error) {
    throw isDiskFull(error) ? diskFull(options.out, error) : error;
  }
}

/** What seals the requests of a run that may be long; undefined for a short one, whose journal never ends. */
function sealer(
  plan: RunPlan,
  directory: string,
  runId: string,
  sealing: SessionOptions['sealing'],
): AsyncDisposable | undefined {
  const isLong = plan.arrivals ? plan.arrivals.count >= LONG_ARRIVALS : loadEndMs(plan) >= LONG_MS;
  if (!isLong && !sealing) return undefined;
  const partition = plan.segment ? partitionOfSegment(plan.segment) : WHOLE;
  return sealAsItGrows({ directory, runId, partition, groupRows: sealing?.groupRows });
}

/** Time for a target to complete a request of one token where the user gives it none, in ms: enough for a model that is loaded. */
const READY_WITHIN_MS = 10_000;

/** Waits for a target that serves tokens, or that the user gives time; what it then said is part of the history. */
function readinessOf({ external, plan }: CompiledScenario, history: History): RunParts<Topology>['awaitReady'] {
  const withinMs = external?.readyWithinMs ?? (plan.load.workload.kind === 'http' ? 0 : READY_WITHIN_MS);
  if (!external || withinMs === 0) return undefined;
  return async (job, signal) => {
    try {
      history.append({ type: 'ready', ...(await awaitReady(job, { withinMs, machine: thisMachine, signal })) });
    } catch (error) {
      if (error instanceof NotReady)
        history.append({ type: 'load', summary: { cpuMs: 0, wallMs: 0, peakRssBytes: 0, notes: error.notes } });
      throw error;
    }
  };
}

/** Metrics of the stack, or of the target where it has any. */
function metricsOf(
  { external }: CompiledScenario,
  endpoints: readonly MetricsEndpoint[],
): Pick<RunParts<Topology>, 'metrics'> {
  if (external && endpoints.length === 0) return {};
  return { metrics: external ? scrapeEndpoints(endpoints) : sampleStack() };
}

/** The platform of a scenario in real time. @throws SquallError `NO_VIRTUAL_STACK`. The docker platform is imported on demand, since testcontainers is slow to load. */
export async function platformOf({ plan, external }: CompiledScenario): Promise<Platform<Topology>> {
  const proxy = { find: findToxiproxy, connect: connectToxiproxy };
  if (external) return needsFaultProxy(plan.faults) ? externalPlatform(proxy, external) : directPlatform(external);
  if (plan.platform === 'virtual')
    throw new SquallError(
      'option',
      'NO_VIRTUAL_STACK',
      'Expected a platform in real time, got `virtual`, which ends with its run',
      {
        next: 'Use `--platform process` or `docker`.',
      },
    );
  if (plan.platform === 'process') return processPlatform(proxy);
  const { dockerPlatform } = await withDockerPackages(import('../../platform/docker/platform.ts'));
  return dockerPlatform({ connect: connectToxiproxy });
}
