import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SquallError } from '../../../harness/errors.ts';
import { isGroupAlive } from '../../../harness/host/process-group.ts';
import { startWorker, type Worker, type WorkerOptions } from '../../../harness/host/worker.ts';
import { until } from '../../until.ts';

const progress: number[] = [];

function start(options: Partial<WorkerOptions<number>> = {}): Worker<string, string> {
  progress.length = 0;
  return startWorker<string, number, string>({
    path: join(import.meta.dirname, 'fixtures/obeys.ts'),
    readyLimitMs: 20_000,
    graceMs: 500,
    onProgress: count => void progress.push(count),
    late: () => new SquallError('stack', 'LATE', 'late'),
    died: (how, output) => new SquallError('stack', 'DIED', `${how}: ${output}`),
    ...options,
  });
}

describe('a worker', { timeout: 30_000 }, () => {
  it('takes orders, reports progress, and is gone with its result', async () => {
    await using worker = start();
    await worker.ready;
    worker.order('count');
    await until(() => progress.includes(1), 10_000);
    worker.order('finish');
    expect(await worker.done).toBe('after 2 orders');
    expect(isGroupAlive(worker.pid)).toBe(false);
    // It has gone: nobody takes these, and that is no error.
    worker.order('count');
    worker.stop();
  });

  it('stops when it is told to', async () => {
    await using worker = start();
    await worker.ready;
    worker.order('wait');
    worker.stop();
    expect(await worker.done).toBe('stopped');
  });

  it.each([
    ['fail', { kind: 'environment', code: 'NO_LUCK', next: 'Retry.' }],
    ['throw', { code: 'DIED', message: expect.stringMatching(/^exit code 1: .*cannot do that/s) }],
    ['exit', { code: 'DIED', message: expect.stringContaining('exit code 0') }],
  ])('that was ordered to %s says so', async (order, error) => {
    await using worker = start();
    await worker.ready;
    worker.order(order);
    await expect(worker.done).rejects.toMatchObject(error);
  });

  it('is killed where it does not become ready in time', async () => {
    const worker = start({ readyLimitMs: 300, env: { FIXTURE: 'never-ready' } });
    await expect(worker.ready).rejects.toMatchObject({ code: 'LATE' });
    expect(isGroupAlive(worker.pid)).toBe(false);
  });

  it('is not ready where it cannot be started', async () => {
    const worker = start({ path: '/no/such/program.ts' });
    await expect(worker.ready).rejects.toMatchObject({
      code: 'DIED',
      message: expect.stringContaining('MODULE_NOT_FOUND'),
    });
  });

  it('writes to a log, whose new lines alone say how it died', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'squall-worker-'));
    try {
      const logPath = join(folder, 'w.log');
      for (const worker of [start({ logPath }), start({ logPath })]) {
        await worker.ready;
        worker.order('throw');
        await expect(worker.done).rejects.toMatchObject({ message: expect.stringContaining('cannot do that') });
      }
      expect(readFileSync(logPath, 'utf8').match(/Error: cannot do that/g)).toHaveLength(2);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
