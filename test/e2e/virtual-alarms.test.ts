import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { runScenario } from '../../cli/api.ts';
import { messageOf, SquallError } from '../../harness/errors.ts';
import { virtualRun } from '../../scenarios/session/virtual.ts';
import { planOf } from '../reports/runs.ts';
import { onlyRun, SMALL, start, temporaryFolder } from './squall.ts';

/** Runs a scenario that something disturbs as its load begins. */
async function disturbed(disturb: () => unknown) {
  using out = temporaryFolder();
  const error = await runScenario(SMALL, {
    platform: 'virtual',
    out: out.path,
    onProgress: event => void (event.type === 'phase' && event.phase === 'load' && disturb()),
  }).then(
    () => undefined,
    error => error,
  );
  const run = onlyRun(out.path);
  return {
    code: error instanceof SquallError ? error.code : messageOf(error),
    document: run.document(),
    events: run.events(),
  };
}

describe('what is not virtual ends a run in virtual time, which leaves its folder', () => {
  it.each([
    [
      'a real server',
      'VIRTUAL_TIME_IS_REAL',
      /A real TCP\w* was opened/,
      () => closing(createServer().listen(0, '127.0.0.1')),
    ],
    [
      'a process',
      'VIRTUAL_TIME_IS_REAL',
      /A real ProcessWrap was opened/,
      () => {
        const child = spawn('sleep', ['60']);
        return () => child.kill();
      },
    ],
    [
      'immediates without an end',
      'VIRTUAL_TIME_STANDS_STILL',
      /Immediates post each other without an end at \d/,
      () => {
        let isOver = false;
        const spin = () => void (isOver || setImmediate(spin));
        spin();
        return () => {
          isOver = true;
        };
      },
    ],
    [
      'an error in a timer',
      'a timer failed',
      /a timer failed/,
      () => {
        setTimeout(() => {
          throw new Error('a timer failed');
        }, 5);
        return () => {};
      },
    ],
  ])('%s', async (_, expected, reason, begin) => {
    let end = () => {};
    const { code, document, events } = await disturbed(() => {
      end = begin() as () => void;
    });
    end();
    expect(code).toBe(expected);
    expect(document).toMatchObject({ verdict: 'invalid', exitCode: 4 });
    expect(document.reasons.join(' ')).toMatch(reason);
    expect(events.trimEnd().split('\n').at(-1)).toMatch(/"type":"crashed"/);
  });
});

function closing(server: ReturnType<typeof createServer>): () => void {
  return () => void server.close();
}

describe('a run that waits for what never comes', () => {
  const never = () => new Promise<never>(() => {});
  const run = () => virtualRun(planOf({ platform: 'virtual' }));

  it('is told at once, with what is left, when nothing can happen any more', async () => {
    await expect(run().within(never)).rejects.toMatchObject({
      code: 'VIRTUAL_DEADLOCK',
      message: expect.stringMatching(/^Nothing can happen any more at 0 ms .* Still there: harness: 0 connections/),
    });
  });

  it('is told an hour of virtual time after its load when services go on', async () => {
    const waiting = run().within(() => {
      // Global timers are virtual here.
      setInterval(() => {}, 1000);
      return never();
    });
    // 2 s of warm-up, 60 s of load, and the first tick after an hour more.
    await expect(waiting).rejects.toThrow(/^Services go on at 3663000 ms of virtual time, and the run has not ended/);
  });
});

it('Ctrl-C in the middle of virtual time is heard at once, and leaves a folder as ever', async () => {
  using out = temporaryFolder();
  // Half an hour of load takes minutes.
  const args = ['run', SMALL, '--platform', 'virtual', '--out', out.path, '--set', 'load.stages.0.for=30m'];
  const run = start(args);
  await run.seen(/ kill recovered /);
  const signalledMs = performance.now();
  run.child.kill('SIGINT');
  const { code, stdout } = await run.finished;
  expect(code).toBe(130);
  expect(performance.now() - signalledMs).toBeLessThan(20_000);
  expect(stdout).toMatch(/interrupted by SIGINT/);
  const { document, events } = onlyRun(out.path);
  expect(document()).toMatchObject({ verdict: 'inconclusive', interrupted: true });
  expect(document().load.completed).toBeGreaterThan(100);
  expect(document().durationMs).toBeLessThan(1_800_000);
  expect(events().trimEnd().split('\n').at(-1)).toMatch(/"phase":"done"/);
});
