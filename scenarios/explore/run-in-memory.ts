import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFault } from '../../faults/catalog.ts';
import { NEVER } from '../../harness/clock.ts';
import { messageOf, SquallError } from '../../harness/errors.ts';
import { historyInMemory } from '../../harness/history.ts';
import { run } from '../../harness/run.ts';
import { judge } from '../../reports/judge/judge.ts';
import { readRequests } from '../../reports/store/requests-file.ts';
import type { SloResult, Verdict } from '../../reports/store/run-document.ts';
import { sampleStack } from '../../stack/observability/sampler.ts';
import type { CompiledScenario } from '../compile.ts';
import { virtualRun } from '../session/virtual.ts';
import { type EndState, NO_END, observed } from './end-state.ts';
import type { InvariantFacts } from './invariants/facts.ts';
import { checkInvariants, type Violation } from './invariants.ts';

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
  const { clock, engine, identity, platform, within, halfOpen } = virtualRun(plan);
  const history = historyInMemory(clock);
  let end: EndState = NO_END;
  const keep = (state: EndState) => {
    end = state;
  };
  const environment = { ...identity, machine: {}, versions: {} };
  const parts = { plan, topology, environment, engine, createFault, history, directory, clock, signal: NEVER };
  let crash: MemoryRun['crash'];
  await within(() =>
    run({ ...parts, platform: observed(platform, compiled, { clock, halfOpen, keep }), metrics: sampleStack() }),
  ).catch(error => {
    crash = { code: error instanceof SquallError ? error.code : 'CRASHED', message: messageOf(error) };
  });
  const events = history.events();
  const records = await readRequests(directory);
  const { document } = judge({ events, records });
  const facts: InvariantFacts = {
    ...{ plan, topology, events, records },
    log: name => logIn(directory, name),
    ...end,
  };
  return {
    verdict: document.verdict,
    reasons: document.reasons,
    slos: document.slos,
    violations: crash ? [] : checkInvariants(facts),
    ...(crash && { crash }),
    requests: records.length,
    virtualMs: clock.nowMs(),
  };
}

function logIn(directory: string, name: string): string {
  const path = join(directory, `${name}.log`);
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
