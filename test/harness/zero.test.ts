import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { systemClock } from '../../harness/clock.ts';
import type { LoadEngine, Platform } from '../../harness/contracts.ts';
import { openHistory, readHistory } from '../../harness/history.ts';
import { run } from '../../harness/run.ts';
import { planOf } from '../reports/runs.ts';

it('a start that has passed before the stack is ready fails the run, and everything is taken down', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'squall-zero-'));
  const journal: string[] = [];
  const platform = {
    kind: 'fake',
    up: async () => ({ entries: [], [Symbol.asyncDispose]: async () => void journal.push('down') }),
  } as unknown as Platform<null>;
  const engine = { name: 'fake', start: async (_: unknown, chooseStart: () => number) => chooseStart() };
  {
    using history = openHistory(join(directory, 'events.ndjson'), systemClock);
    const running = run({
      plan: planOf(),
      topology: null,
      environment: { id: 'r', startedAt: '', machine: {}, versions: {} },
      platform,
      engine: engine as unknown as LoadEngine,
      createFault: () => expect.unreachable(),
      history,
      directory,
      clock: systemClock,
      signal: AbortSignal.timeout(10_000),
      // The warm-up alone takes 2 s.
      startAt: new Date(Date.now() + 1000),
    });
    await expect(running).rejects.toMatchObject({ kind: 'environment', code: 'START_TOO_EARLY' });
  }
  expect(journal).toEqual(['down']);
  expect(readHistory(join(directory, 'events.ndjson')).map(({ type }) => type)).toContain('crashed');
  rmSync(directory, { recursive: true });
});
