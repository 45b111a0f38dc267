import { describe, expect, it } from 'vitest';
import type { Ending, Instance } from '../../platform/instance.ts';
import { type SupervisedPlan, Supervisor } from '../../platform/supervisor.ts';
import { FakeClock } from '../fake-clock.ts';

/** Instance that ends by a test or a signal. */
class FakeInstance implements Instance {
  readonly pid: number;
  readonly logFromByte = 0;
  readonly received: string[] = [];
  readonly #ending = Promise.withResolvers<Ending>();
  readonly gone = this.#ending.promise;
  readonly #diesOf: readonly NodeJS.Signals[];

  constructor(pid: number, diesOf: readonly NodeJS.Signals[]) {
    this.pid = pid;
    this.#diesOf = diesOf;
  }

  get label(): string {
    return `fake ${this.pid}`;
  }

  signal(signal: NodeJS.Signals): void {
    this.received.push(signal);
    if (this.#diesOf.includes(signal)) this.end(signal);
  }

  async pause(): Promise<void> {
    this.received.push('pause');
  }

  async resume(): Promise<void> {
    this.received.push('resume');
  }

  end(how: string, isOutOfMemory = false): void {
    this.#ending.resolve({ how, isOutOfMemory });
  }
}

/** Supervisor of fake instances, which are ready at the first probe unless a test says otherwise. */
function supervise(change: Partial<SupervisedPlan> = {}, diesOf: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGKILL']) {
  const clock = new FakeClock();
  const instances: FakeInstance[] = [];
  const seen: string[] = [];
  const isReady = { now: true };
  const plan: SupervisedPlan = {
    name: 'a-1',
    service: 'a',
    zone: 'zone-a',
    url: 'http://127.0.0.1:1',
    logPath: '/nowhere/a-1.log',
    restart: { baseDelayMs: 200, factor: 2, maxDelayMs: 10_000 },
    start() {
      instances.push(new FakeInstance(instances.length + 1, diesOf));
      return instances.at(-1)!;
    },
    isReady: async () => isReady.now,
    ...change,
  };
  const observer = {
    replica: ({ state, detail = '' }: { state: string; detail?: string }) => seen.push(state, detail),
  };
  const supervisor = new Supervisor(plan, { clock, observer });
  return { clock, supervisor, instances, isReady, states: () => seen.filter((_, index) => index % 2 === 0), seen };
}

/** Waits until the first instance is ready. */
async function started(parts: ReturnType<typeof supervise>): Promise<void> {
  const start = parts.supervisor.start(1000, new AbortController().signal);
  await parts.clock.advance(100);
  await start;
}

describe('a replica in standby', () => {
  it('is stopped until it is released, and then supervised like any other', async () => {
    const parts = supervise({ isStandby: true });
    const { supervisor, clock, instances } = parts;
    await clock.advance(60_000);
    expect(supervisor.state).toBe('stopped');
    expect(instances).toHaveLength(0);
    const ready = supervisor.ready(new AbortController().signal);
    await supervisor.release();
    await clock.advance(100);
    await ready;
    expect(supervisor.state).toBe('ready');
    instances[0]!.end('exit code 1');
    await clock.advance(300);
    expect(parts.states()).toEqual(['starting', 'ready', 'exited', 'starting', 'ready']);
  });

  it('is tried again when its first start fails, and given up after five', async () => {
    const { supervisor, clock, instances, isReady } = supervise({ isStandby: true });
    isReady.now = false;
    await supervisor.release();
    for (let attempt = 0; attempt < 5; attempt += 1) {
      instances[attempt]!.end('exit code 1');
      await clock.advance(10_000);
    }
    expect(supervisor.state).toBe('failed');
    expect(instances).toHaveLength(5);
    // A release resets the count.
    isReady.now = true;
    await supervisor.release();
    await clock.advance(100);
    expect(supervisor.state).toBe('ready');
  });

  it('is not started by the end of a fault, or at all after the end of its stack', async () => {
    const { supervisor, clock, instances } = supervise({ isStandby: true });
    supervisor.hold('zone-loss');
    await supervisor.release('zone-loss');
    expect(instances).toHaveLength(0);
    // The other way round: scaled up while its zone is lost, it starts when both are over.
    supervisor.hold('zone-loss');
    await supervisor.release();
    expect(instances).toHaveLength(0);
    await supervisor.release('zone-loss');
    await clock.advance(100);
    expect(instances).toHaveLength(1);
    await supervisor.stop(1000);
    await supervisor.release();
    expect(instances).toHaveLength(1);
    await expect(supervisor.ready(new AbortController().signal)).rejects.toMatchObject({ code: 'SERVICE_DIED' });
  });
});

describe('a replica that is terminated', () => {
  it('stays stopped while it is held, and starts again when it is released', async () => {
    const parts = supervise();
    const { supervisor, clock, instances } = parts;
    await started(parts);
    supervisor.hold();
    await Promise.all([supervisor.terminate(), supervisor.terminate()]);
    expect(supervisor.state).toBe('stopped');
    expect(supervisor.lastExit).toEqual({ atMs: clock.nowMs(), how: 'SIGTERM', isOutOfMemory: false });
    await clock.advance(60_000);
    expect(instances).toHaveLength(1);
    await supervisor.release();
    await clock.advance(100);
    expect(parts.states()).toEqual(['starting', 'ready', 'stopped', 'starting', 'ready']);
  });

  it('is restarted by its supervisor when it is not held', async () => {
    const parts = supervise();
    await started(parts);
    await parts.supervisor.terminate();
    await parts.clock.advance(300);
    expect(parts.states()).toEqual(['starting', 'ready', 'exited', 'starting', 'ready']);
  });

  it('is killed when it has not ended after 2.5 s', async () => {
    const parts = supervise({}, ['SIGKILL']);
    await started(parts);
    parts.supervisor.hold();
    const gone = parts.supervisor.terminate();
    await parts.clock.advance(2499);
    expect(parts.instances[0]!.received).toEqual(['SIGTERM', 'resume']);
    await parts.clock.advance(2);
    await gone;
    expect(parts.supervisor.lastExit?.how).toBe('SIGKILL');
  });

  it('is stopped at once when it was down already', async () => {
    const parts = supervise();
    await started(parts);
    parts.instances[0]!.end('exit code 1');
    await parts.clock.advance(10);
    parts.supervisor.hold();
    await parts.supervisor.terminate();
    expect(parts.supervisor.state).toBe('stopped');
    await parts.clock.advance(60_000);
    expect(parts.instances).toHaveLength(1);
  });

  it('waits for the end before it is started again', async () => {
    const parts = supervise({}, ['SIGKILL']);
    await started(parts);
    const { supervisor, clock, instances } = parts;
    supervisor.hold();
    const gone = supervisor.terminate();
    const back = supervisor.release();
    expect(instances).toHaveLength(1);
    await clock.advance(2600);
    await Promise.all([gone, back]);
    expect(instances).toHaveLength(2);
  });
});

it('a paused replica stays ready, and is thawed by whatever ends it', async () => {
  for (const end of ['kill', 'terminate'] as const) {
    const parts = supervise();
    await started(parts);
    const { supervisor, instances } = parts;
    await supervisor.pause();
    await supervisor.pause();
    expect(supervisor.state).toBe('ready');
    await supervisor[end]();
    expect(instances[0]!.received.slice(2)).toEqual([end === 'kill' ? 'SIGKILL' : 'SIGTERM', 'resume']);
    await supervisor.resume();
  }
});

it('tells of the last exit whether it was for memory, also when the next instance runs', async () => {
  const parts = supervise();
  await started(parts);
  expect(parts.supervisor.lastExit).toBeUndefined();
  parts.instances[0]!.end('OOM', true);
  await parts.clock.advance(400);
  expect(parts.supervisor.state).toBe('ready');
  expect(parts.supervisor.lastExit).toMatchObject({ how: 'OOM', isOutOfMemory: true });
});

it('probes a long cold start a few hundred times, and knows its end to 1 %', async () => {
  // 120 s: one probe every 60 ms would be 2,000.
  let probes = 0;
  const parts = supervise({
    isReady: async () => {
      probes += 1;
      return parts.clock.nowMs() >= 120_000;
    },
  });
  const start = parts.supervisor.start(130_000, new AbortController().signal);
  await parts.clock.advance(119_900);
  expect(parts.supervisor.state).toBe('starting');
  expect(probes).toBeGreaterThan(100);
  expect(probes).toBeLessThan(500);
  await parts.clock.advance(1300);
  expect(parts.supervisor.state).toBe('ready');
  await start;
});
