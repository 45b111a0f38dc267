import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFault } from '../../faults/catalog.ts';
import { NEVER } from '../../harness/clock.ts';
import type { Platform, RunningStack } from '../../harness/contracts.ts';
import { messageOf, SquallError } from '../../harness/errors.ts';
import { historyInMemory } from '../../harness/history.ts';
import type { Machine } from '../../harness/host/network.ts';
import { run } from '../../harness/run.ts';
import { judge } from '../../reports/judge/judge.ts';
import { readRequests } from '../../reports/store/requests-file.ts';
import type { SloResult, Verdict } from '../../reports/store/run-document.ts';
import { sampleStack } from '../../stack/observability/sampler.ts';
import type { Topology } from '../../stack/topology.ts';
import type { CompiledScenario } from '../compile.ts';
import { virtualRun } from '../session/virtual.ts';
import { checkInvariants, type InvariantFacts, SETTLE_MS, type Violation } from './invariants.ts';

/** Result of a run that left nothing behind. */
export interface MemoryRun {
  readonly verdict: Verdict;
  readonly reasons: readonly string[];
  readonly slos: readonly SloResult[];
  readonly violations: readonly Violation[];
  /** Code and message of the error that ended it early; absent if it came to its end. */
  readonly crash?: { readonly code: string; readonly message: string };
  readonly requests: number;
  /** Virtual time from its beginning to its end. */
  readonly virtualMs: number;
}

/** Time for the last look at a service. */
const LOOK_MS = 1000;

/**
 * Runs a scenario in virtual time in this process as `squall run --platform virtual` does, and judges it by its SLOs and by the
 * invariants. It is not stored: only the logs of its services and its requests are written, to a folder that is removed.
 */
export async function runInMemory(compiled: CompiledScenario): Promise<MemoryRun> {
  const directory = mkdtempSync(join(tmpdir(), 'squall-explore-'));
  try {
    return await runIn(directory, compiled);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function runIn(directory: string, compiled: CompiledScenario): Promise<MemoryRun> {
  const { plan, topology } = compiled;
  const { clock, engine, identity, platform, within } = virtualRun(plan);
  const history = historyInMemory(clock);
  const end: End = { metrics: {}, states: {} };
  const environment = { ...identity, machine: {}, versions: {} };
  const parts = { plan, topology, environment, engine, createFault, history, directory, clock, signal: NEVER };
  let crash: MemoryRun['crash'];
  await within(() => run({ ...parts, platform: watched(platform, clock, end), metrics: sampleStack() })).catch(
    error => {
      crash = { code: error instanceof SquallError ? error.code : 'CRASHED', message: messageOf(error) };
    },
  );
  const events = history.events();
  const records = await readRequests(directory);
  const { document } = judge({ events, records });
  const facts: InvariantFacts = {
    ...{ plan, topology, events, records },
    log: name => readFileSync(join(directory, `${name}.log`), 'utf8'),
    finalMetrics: end.metrics,
    finalStates: end.states,
  };
  return {
    verdict: document.verdict,
    reasons: document.reasons,
    slos: document.slos,
    violations: checkInvariants(facts),
    ...(crash && { crash }),
    requests: records.length,
    virtualMs: clock.nowMs(),
  };
}

interface End {
  metrics: Record<string, string>;
  states: Record<string, string>;
}

/** A platform whose stacks are looked at, once they have settled, before they are taken down. */
function watched(platform: Platform<Topology>, clock: Machine['clock'], end: End): Platform<Topology> {
  return {
    kind: platform.kind,
    async up(topology, options) {
      const stack = await platform.up(topology, options);
      return {
        ...stack,
        async [Symbol.asyncDispose]() {
          await clock.sleep(SETTLE_MS);
          await Promise.all(stack.replicas.map(replica => look(replica, stack, clock, end)));
          await stack[Symbol.asyncDispose]();
        },
      };
    },
  };
}

async function look(
  { name, url, metricsPath, state }: RunningStack['replicas'][number],
  { network }: RunningStack,
  clock: Machine['clock'],
  { metrics, states }: End,
): Promise<void> {
  states[name] = state;
  if (metricsPath === undefined || !network) return;
  const response = await network.fetch(url + metricsPath, { signal: clock.timeout(LOOK_MS) }).catch(() => undefined);
  if (response?.ok) metrics[name] = await response.text();
}
