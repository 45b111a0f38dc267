import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Fault } from '../../harness/contracts.ts';
import { openHistory, readHistory, type TimedEvent } from '../../harness/history.ts';
import type { FaultPlan } from '../../harness/plan.ts';
import { type RunParts, run } from '../../harness/run.ts';
import { FakeClock } from '../fake-clock.ts';
import { DRIVE_MS, fakeFault, fakeLoad, fakeMetrics, fakePlatform, type Journal, planOf } from './fakes.ts';

const FAULT: FaultPlan = { id: 'f', kind: 'fake', target: 't', atMs: 50, forMs: 150, parameters: {} };

describe('a run', () => {
  let directory: string;
  let journal: Journal;
  let clock: FakeClock;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'squall-run-'));
    journal = [];
    clock = new FakeClock();
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const forever: Fault['verifyEffect'] = signal => clock.sleep(60_000, signal) as Promise<never>;

  /** Drives a run to its end, as fast as it gets there. */
  async function drive(
    change: Partial<RunParts<null>>,
    faults = [FAULT],
    fault = fakeFault(journal, clock),
  ): Promise<TimedEvent[]> {
    const path = join(directory, 'events.ndjson');
    using history = openHistory(path, clock);
    let isOver = false;
    const running = run({
      plan: planOf(faults),
      environment: { id: 'r', startedAt: '', machine: {}, versions: {} },
      topology: null,
      platform: fakePlatform(journal),
      engine: fakeLoad(journal, clock),
      createFault: () => fault,
      history,
      directory,
      clock,
      signal: new AbortController().signal,
      limits: { callMs: 200, effectMs: 100, healMs: 200 },
      ...change,
    }).finally(() => {
      isOver = true;
    });
    running.catch(() => {});
    while (!isOver) await clock.advance(1);
    await running;
    return readHistory(path);
  }
  const steps = (events: readonly TimedEvent[]) => events.filter(e => e.type === 'fault').map(e => e.step);

  it('passes its seed to the platform, whose fault proxy draws jitter', async () => {
    const platform = fakePlatform(journal);
    const up = vi.spyOn(platform, 'up');
    await drive({ platform, plan: { ...planOf([FAULT]), seed: 1234 } });
    expect(up.mock.lastCall?.[1].seed).toBe(1234);
  });

  it('injects, verifies the effect, heals and verifies recovery, then takes everything down', async () => {
    const events = await drive({});
    expect(journal).toEqual([
      'up',
      'protect 77',
      'inject',
      'verifyEffect',
      'heal',
      'verifyHealed',
      'load stopped',
      'down',
    ]);
    expect(steps(events)).toEqual(['inject', 'injected', 'effective', 'heal', 'healed']);
    expect(events.filter(e => e.type === 'phase').map(e => e.phase)).toEqual([
      'up',
      'warm-up',
      'load',
      'recover',
      'drain',
      'down',
      'done',
    ]);
    const injected = events.find(e => e.type === 'fault' && e.step === 'injected')!;
    expect(injected.atMs).toBeGreaterThanOrEqual(FAULT.atMs - 1);
    const heal = events.find(e => e.type === 'fault' && e.step === 'heal')!;
    expect(heal.atMs).toBeGreaterThanOrEqual(FAULT.atMs + FAULT.forMs! - 1);
  });

  it('rejects a fault that cannot be created before any fault or load starts', async () => {
    const createFault: RunParts<null>['createFault'] = ({ id }) => {
      if (id === 'bad') throw new Error('no such target');
      return fakeFault(journal, clock);
    };
    const failing = drive({ createFault }, [
      { ...FAULT, atMs: 0 },
      { ...FAULT, id: 'bad' },
    ]);
    await expect(failing).rejects.toThrow('no such target');
    expect(journal).toEqual(['up', 'down']);
  });

  it('records a fault without observable effect, and heals it anyway', async () => {
    const events = await drive({}, [FAULT], fakeFault(journal, clock, { verifyEffect: forever }));
    expect(steps(events)).toEqual(['inject', 'injected', 'no-effect', 'heal', 'healed']);
  });

  it('tells an effect that noise hides from none', async () => {
    const noise = () => 'probes took 5, 90 and 240 ms';
    const events = await drive({}, [FAULT], fakeFault(journal, clock, { verifyEffect: forever, noise }));
    expect(steps(events)).toEqual(['inject', 'injected', 'hidden', 'heal', 'healed']);
    const hidden = events.find(e => e.type === 'fault' && e.step === 'hidden');
    expect(hidden).toMatchObject({ evidence: expect.stringMatching(/^probes took 5, 90 and 240 ms, for \d+ ms$/) });
  });

  it('records where an injection begins before anything is injected', async () => {
    const inject = async () => {
      await clock.sleep(60);
    };
    const events = await drive({}, [FAULT], fakeFault(journal, clock, { inject }));
    const [begin, end] = events.filter(e => e.type === 'fault').map(e => e.atMs);
    expect(end! - begin!).toBeGreaterThanOrEqual(59);
  });

  it('heals a fault whose injection throws', async () => {
    const inject = async () => {
      throw new Error('no such proxy');
    };
    const events = await drive({}, [FAULT], fakeFault(journal, clock, { inject }));
    expect(events.filter(e => e.type === 'fault').map(e => [e.step, e.evidence])).toEqual([
      ['inject', ''],
      ['failed', 'no such proxy'],
      ['heal', ''],
      ['healed', 'verifyHealed'],
    ]);
  });

  it('bounds a step that ignores its signal', async () => {
    const deaf = () => new Promise<never>(() => {});
    const events = await drive({}, [FAULT], fakeFault(journal, clock, { heal: deaf }));
    expect(steps(events)).toEqual(['inject', 'injected', 'effective', 'heal', 'not-healed']);
    expect(journal.at(-1)).toBe('down');
  });

  it('waits for a stack to recover by itself, and heals it at the end if it does not', async () => {
    const itself = { ...FAULT, forMs: null };
    expect(steps(await drive({}, [itself]))).toEqual(['inject', 'injected', 'effective', 'healed']);
    expect(journal).not.toContain('heal');
    rmSync(join(directory, 'events.ndjson'));
    let forced = false;
    const helpless = fakeFault(journal, clock, {
      heal: async () => {
        forced = true;
      },
      verifyHealed: signal => (forced ? Promise.resolve({ atMs: clock.nowMs(), evidence: 'forced' }) : forever(signal)),
    });
    const events = await drive({}, [itself], helpless);
    expect(steps(events)).toEqual(['inject', 'injected', 'effective', 'heal', 'healed']);
    expect(events.find(e => e.type === 'fault' && e.step === 'heal')!.atMs).toBeGreaterThanOrEqual(DRIVE_MS - 1);
  });

  it('records an interruption that came before it', async () => {
    const events = await drive({ signal: AbortSignal.abort(new Error('SIGINT')) });
    expect(journal).toEqual([]);
    expect(events.map(({ type }) => type)).toEqual(['plan', 'interrupted', 'phase']);
  });

  it('heals before it takes the stack down when interrupted during a fault', async () => {
    const interrupt = new AbortController();
    const verifyEffect = async () => {
      void clock.sleep(10).then(() => interrupt.abort(new Error('SIGINT')));
      return { atMs: clock.nowMs(), evidence: 'verifyEffect' };
    };
    const long = { ...FAULT, forMs: 100_000 };
    const events = await drive({ signal: interrupt.signal }, [long], fakeFault(journal, clock, { verifyEffect }));
    expect(journal).toEqual(['up', 'protect 77', 'inject', 'heal', 'verifyHealed', 'load stopped', 'down']);
    expect(events.find(e => e.type === 'interrupted')).toMatchObject({ by: 'SIGINT' });
    expect(steps(events)).toEqual(['inject', 'injected', 'effective', 'heal', 'healed']);
  });

  it.each([
    [
      'most of the warm-up fails',
      { completed: 1, failures: { 'http-401': 8, reset: 1 } },
      '9 of 10 warm-up requests failed (http-401 ×8, reset ×1); the limit is 5 %',
    ],
    [
      'the warm-up is slower than a limit permits, whose field it names',
      { completed: 1, failures: { 'first-token-timeout': 9 } },
      '9 of 10 warm-up requests failed (first-token-timeout ×9); the limit is 5 %; the limit of first-token-timeout is `load.firstTokenTimeout`',
    ],
    [
      'no warm-up request gets a response',
      { completed: 0, failures: {} },
      expect.stringMatching(/^no .*`load\.warmUp`/),
    ],
  ])('is invalid and injects nothing when %s', async (_name, warmUp, reason) => {
    const events = await drive({ engine: fakeLoad(journal, clock, { warmUp }) });
    expect(events.find(e => e.type === 'invalid')).toMatchObject({ guard: 'steady-state', reason });
    expect(journal).not.toContain('inject');
    expect(journal.at(-1)).toBe('down');
  });

  // A service that hangs fails a request at its timeout; were it interrupted before, it would count for nothing.
  it.each([
    ['as long as a request may take to time out', 50_000, 50_000],
    ['a limited time', 99_000, 52_000],
  ])('waits for requests in flight %s', async (_name, endsMs, waitedMs) => {
    const plan = planOf([]);
    const load = { ...plan.load, firstTokenTimeoutMs: 50_000 };
    const events = await drive({ plan: { ...plan, load }, engine: fakeLoad(journal, clock, { endsMs }) }, []);
    const down = events.find(event => event.type === 'phase' && event.phase === 'down')!;
    expect(Math.abs(down.atMs - waitedMs)).toBeLessThan(1500);
  });

  const NOTES = [
    { type: 'oddity', name: 'no-done', count: 1, example: 'Streams end without `data: [DONE]`.' },
    { type: 'failure', name: 'truncated', count: 1, example: 'not of the warm-up' },
    {
      type: 'failure',
      name: 'http-404',
      count: 9,
      example: '{"error":{"message":"no model nope, there is my-model"}}',
    },
  ] as const;

  it('says why the warm-up failed, in the words of the service', async () => {
    const warmUp = { completed: 0, failures: { 'http-404': 9 } };
    const events = await drive({ engine: fakeLoad(journal, clock, { warmUp, notes: NOTES }) });
    expect(events.find(e => e.type === 'invalid')).toMatchObject({
      reason:
        '9 of 9 warm-up requests failed (http-404 ×9); the limit is 5 %. The service said: 404: no model nope, there is my-model',
    });
  });

  it('keeps what a generator had noticed before it died', async () => {
    const failing = drive({ engine: fakeLoad(journal, clock, { dies: new Error('generator died'), notes: NOTES }) });
    await expect(failing).rejects.toThrow('generator died');
    const events = readHistory(join(directory, 'events.ndjson'));
    expect(events.find(e => e.type === 'notes')).toMatchObject({ notes: NOTES });
  });

  it('heals, takes the stack down and rejects when the generator dies', async () => {
    const long = { ...FAULT, atMs: 0, forMs: 300 };
    const failing = drive({ engine: fakeLoad(journal, clock, { dies: new Error('generator died') }) }, [long]);
    await expect(failing).rejects.toThrow('generator died');
    expect(journal).toEqual([
      'up',
      'protect 77',
      'inject',
      'verifyEffect',
      'heal',
      'verifyHealed',
      'load stopped',
      'down',
    ]);
    const events = readHistory(join(directory, 'events.ndjson'));
    expect(events.find(e => e.type === 'crashed')).toMatchObject({ reason: 'generator died' });
  });

  it('samples metrics from before the warm-up until after the load, while the stack is up, on the run timeline', async () => {
    const events = await drive({ metrics: fakeMetrics(journal) });
    expect(journal.slice(0, 3)).toEqual(['up', 'protect 77', 'sampling http://127.0.0.1:1']);
    expect(journal.slice(-3)).toEqual(['load stopped', 'sampling ended', 'down']);
    const samples = events.filter(e => e.type === 'sample');
    expect(samples).toHaveLength(2);
    // The first was taken 1100 ms before the start, as its reading shows; the last claims 5 ms after it, whenever it was written.
    for (const { seenMs, readings } of samples)
      expect(Math.abs(seenMs + readings['inference-1']!.queue!)).toBeLessThan(50);
    // The load starts some moments after it was told when, on a busy machine milliseconds.
    expect(Math.abs(samples[1]!.seenMs - 5)).toBeLessThan(50);
    expect(samples[1]!.atMs).toBeGreaterThanOrEqual(DRIVE_MS - 1);
  });

  it.each([
    ['the generator dies', { engine: () => fakeLoad([], clock, { dies: new Error('generator died') }) }],
    [
      'the warm-up fails',
      { engine: () => fakeLoad([], clock, { warmUp: { completed: 1, failures: { 'http-401': 8, reset: 1 } } }) },
    ],
  ])('ends sampling before the stack goes down when %s', async (_name, { engine }) => {
    await drive({ metrics: fakeMetrics(journal), engine: engine() }).catch(() => {});
    expect(journal.slice(-2)).toEqual(['sampling ended', 'down']);
  });

  it('records why a stack did not come up', async () => {
    const failing = drive({ platform: fakePlatform(journal, new Error('port 80 is taken')) });
    await expect(failing).rejects.toThrow('port 80 is taken');
    expect(readHistory(join(directory, 'events.ndjson')).map(e => e.type)).toEqual([
      'plan',
      'phase',
      'crashed',
      'phase',
    ]);
  });
});
