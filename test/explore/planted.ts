import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { loadEndMs } from '../../harness/plan.ts';
import { type Pool, startPool } from '../../scenarios/explore/pool.ts';
import { EMPTY, type Schedule, type ScheduledFault } from '../../scenarios/explore/schedule.ts';
import type { TrialSubject } from '../../scenarios/explore/trial.ts';
import { findScenario } from '../../scenarios/find.ts';
import { loadScenario } from '../../scenarios/load-scenario.ts';

/** A bug of one line, as somebody might write it. */
export interface PlantedBug {
  readonly name: string;
  readonly file: string;
  /** A line that the file has once, without its indentation. */
  readonly line: string;
  readonly replacement: string;
  /** Invariant that must be broken. */
  readonly breaks: string;
  /** Smallest schedule that was found to break it. */
  readonly shows: Schedule;
}

/** A schedule without own options; `parameters` are none, and the load is that of the scenario, unless given. */
function shown(
  faults: readonly (Omit<ScheduledFault, 'parameters'> & Partial<Pick<ScheduledFault, 'parameters'>>)[],
  load: Partial<Schedule['load']> = {},
): Schedule {
  return {
    ...EMPTY,
    faults: faults.map(fault => ({ parameters: {}, ...fault })),
    load: { ...EMPTY.load, ...load },
  };
}

/** Bugs that exploration must find, each in a copy of the sources of its own. */
export const PLANTED: readonly PlantedBug[] = [
  {
    name: 'retries without a budget',
    file: 'harness/retry/budget.ts',
    line: 'if (this.remaining(nowMs) < 1) return false;',
    replacement: 'if (this.remaining(nowMs) < 0) return false;',
    breaks: 'retry-budget-is-kept',
    shows: shown(
      [
        {
          id: 'engine-failure-1',
          kind: 'engine-failure',
          on: 'inference-1',
          atMs: 3000,
          forMs: 2000,
          parameters: { as: 'server-error' },
        },
        { id: 'down-2', kind: 'down', on: 'gateway→inference-2', atMs: 4000, forMs: 1000 },
      ],
      { endMs: 8000 },
    ),
  },
  {
    name: 'an ejection that never ends',
    file: 'stack/gateway/upstream/ejection.ts',
    line: 'record.ejectedUntilMs = nowMs + durationMs * (1 + 0.1 * random.next());',
    replacement: 'record.ejectedUntilMs = Number.POSITIVE_INFINITY;',
    breaks: 'every-replica-is-back',
    shows: shown(
      [
        {
          id: 'engine-failure-2',
          kind: 'engine-failure',
          on: 'inference-2',
          atMs: 2395,
          forMs: 2500,
          parameters: { as: 'server-error' },
        },
      ],
      { rate: 0.25, endMs: 8000 },
    ),
  },
  {
    name: 'a drain that loses streams',
    file: 'stack/service-program.ts',
    line: 'server.closeIdleConnections();',
    replacement: 'server.closeAllConnections();',
    breaks: 'drains-lose-no-stream',
    shows: shown([{ id: 'stop-1', kind: 'stop', on: 'inference-3', atMs: 3000, forMs: 500 }], { endMs: 7000 }),
  },
  {
    name: 'a double release of what is in flight',
    file: 'stack/gateway/forward/forward.ts',
    line: 'upstream.inFlight -= 1;',
    replacement: "upstream.inFlight -= result.kind === 'failed' ? 2 : 1;",
    breaks: 'everything-is-released',
    shows: shown(
      [
        {
          id: 'engine-failure-2',
          kind: 'engine-failure',
          on: 'inference-2',
          atMs: 2395,
          forMs: 500,
          parameters: { as: 'server-error' },
        },
      ],
      { endMs: 6000 },
    ),
  },
  {
    name: 'discovery that forgets on silence',
    file: 'stack/gateway/upstream/fleet.ts',
    line: "return discovery === 'off' || discovery.keepLastGood;",
    replacement: "return discovery === 'off';",
    breaks: 'no-upstream-has-a-cause',
    shows: shown([{ id: 'kill-1', kind: 'kill', on: 'control', atMs: 5000, forMs: 500 }], { rate: 0.25, endMs: 9000 }),
  },
  {
    name: 'a half-open connection that is kept',
    file: 'faults/toxiproxy/connection.ts',
    line: 'this.#server.destroy();',
    replacement: 'this.#server.pause();',
    breaks: 'no-connection-is-left',
    shows: shown(
      [
        {
          id: 'engine-failure-1',
          kind: 'engine-failure',
          on: 'inference-1',
          atMs: 2000,
          forMs: 2000,
          parameters: { as: 'server-error' },
        },
        { id: 'down-2', kind: 'down', on: 'gateway→inference-2', atMs: 4000, forMs: 500 },
      ],
      { endMs: 8000 },
    ),
  },
  {
    name: 'health checks that read their own cache',
    file: 'stack/gateway/upstream/health-checker.ts',
    line: 'const passed = await checkOnce(upstream.transport, context);',
    replacement:
      "const passed = upstream.health.health === 'healthy' || (await checkOnce(upstream.transport, context));",
    breaks: 'outages-are-noticed',
    shows: shown([{ id: 'timeout-1', kind: 'timeout', on: 'gateway→inference-3', atMs: 2000, forMs: 3890 }], {
      rate: 0.25,
      endMs: 9000,
    }),
  },
  {
    name: 'a stale upstream after a restart',
    file: 'stack/gateway/upstream/fleet.ts',
    line: 'const upstream = this.upstreams.add(name, this.#options.transport(url));',
    replacement:
      'const upstream = this.upstreams.add(name, ((this as any)[url] ??= this.#options.transport(url)) as any);',
    breaks: 'every-replica-is-back',
    shows: shown([{ id: 'pause-3', kind: 'pause', on: 'inference-1', atMs: 3000, forMs: 2000 }], {
      rate: 0.25,
      endMs: 8000,
    }),
  },
  {
    name: 'a registration that is never renewed',
    file: 'stack/inference/registration.ts',
    line: 'if (isRegistered) isRegistered = await client.heartbeat(registration.id, signal);',
    replacement: 'if (isRegistered) await client.heartbeat(registration.id, signal);',
    breaks: 'every-replica-is-back',
    shows: shown([{ id: 'kill-1', kind: 'kill', on: 'control', atMs: 5000, forMs: 500 }], { rate: 0.25, endMs: 9000 }),
  },
  {
    name: 'limits that give their store up',
    file: 'stack/redis/connector.ts',
    line: 'retryStrategy: () => RECONNECT_DELAY_MS,',
    replacement: 'retryStrategy: times => (times > 3 ? null : RECONNECT_DELAY_MS),',
    breaks: 'every-replica-is-back',
    shows: shown([{ id: 'down-1', kind: 'down', on: 'gateway→redis', atMs: 8000, forMs: 500 }], { rate: 0.25 }),
  },
  {
    name: 'a cancel that is not passed on',
    file: 'stack/gateway/upstream/undici-transport.ts',
    line: "this.#controller?.abort(new Error('cancelled by the gateway'));",
    replacement: 'this.#controller?.resume();',
    breaks: 'no-work-for-nobody',
    shows: shown([{ id: 'down-2', kind: 'down', on: 'client→gateway-1', atMs: 7000, forMs: 500 }], {
      rate: 0.5,
      endMs: 10000,
    }),
  },
  {
    name: 'a timeout that is forgotten',
    file: 'stack/gateway/forward/attempt.ts',
    line: "else if (this.#phase === 'waiting') this.#fail('first-byte-timeout');",
    replacement: "else if (this.#phase === 'waiting') return;",
    breaks: 'no-request-hangs',
    shows: shown([{ id: 'pause-1', kind: 'pause', on: 'inference-2', atMs: 1000, forMs: 3500 }], {
      rate: 0.25,
      endMs: 8000,
    }),
  },
];

const ROOT = resolve(import.meta.dirname, '../..');
const SOURCES = ['harness', 'stack', 'platform', 'load', 'faults', 'reports', 'scenarios', 'cli', 'package.json'];
const SCENARIO = join(import.meta.dirname, 'planted.yaml');
/** Seed of the runs, as that of `squall explore`. */
const SEED = 42;

/** Of a run that does not end, in ms of real time. */
const LIMIT_MS = 120_000;

/** A checkout to explore. */
export interface Checkout extends Disposable {
  readonly path: string;
}

/** The checkout as it is. */
export const UNCHANGED: Checkout = { path: ROOT, [Symbol.dispose]: () => {} };

/** Text of the file of a bug, with it. @throws Error unless its line is there once */
export function textWith({ file, line, replacement }: PlantedBug): string {
  const lines = readFileSync(join(ROOT, file), 'utf8').split('\n');
  const places = lines.flatMap((text, index) => (text.trim() === line ? [index] : []));
  if (places.length !== 1)
    throw new Error(`Expected ${file} to have the line once: ${line}; found it ${places.length} times`);
  return lines.with(places[0]!, replacement).join('\n');
}

/** A copy of the checkout's sources, with a bug in it, that is removed on disposal. @throws Error as {@link textWith} */
export function plantedCopy(bug: PlantedBug): Checkout {
  const text = textWith(bug);
  const path = mkdtempSync(join(tmpdir(), 'squall-planted-'));
  const isSource = (from: string) => !from.includes('reports/runs');
  for (const room of SOURCES) cpSync(join(ROOT, room), join(path, room), { recursive: true, filter: isSource });
  symlinkSync(join(ROOT, 'node_modules'), join(path, 'node_modules'));
  writeFileSync(join(path, bug.file), text);
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** What `squall explore` needs of the scenario for planted bugs, as {@link explore} and {@link startPool} take it. */
export async function plantedScenario() {
  const found = await findScenario(SCENARIO);
  const { chaos, compiled } = await loadScenario(found, { seed: SEED, platform: 'virtual', replay: '' });
  const { plan, written: scenario } = chaos!;
  const subject: TrialSubject = { scenario, source: found.source, folder: found.folder, seed: SEED };
  return { chaos: plan, scenario, subject, loadEndMs: loadEndMs(compiled.plan) };
}

/** Processes that try schedules on the sources of a checkout. */
export function poolOn({ path }: Checkout, subject: TrialSubject, jobs: number, signal: AbortSignal): Pool {
  return startPool({ subject, jobs, signal, limitMs: LIMIT_MS, program: join(path, 'scenarios/explore/worker.ts') });
}
