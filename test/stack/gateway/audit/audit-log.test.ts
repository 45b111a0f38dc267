import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { Registry } from 'prom-client';
import { afterAll, expect, test } from 'vitest';
import { AuditLog } from '../../../../stack/gateway/audit/audit-log.ts';
import { auditSchema } from '../../../../stack/gateway/audit/config.ts';
import { verifyChain } from '../../../../stack/gateway/audit/verify.ts';
import type { Exchange } from '../../../../stack/gateway/http/exchange.ts';
import { FakeClock } from '../../../fake-clock.ts';

const root = mkdtempSync(join(tmpdir(), 'squall-audit-'));
afterAll(() => rmSync(root, { recursive: true }));

/** What the log reads of an exchange. */
const exchange = (n: number) =>
  ({
    trace: { traceId: 't' },
    ...{
      requestId: `r${n}`,
      caller: 'c',
      route: '/v1/chat/completions',
      streamed: false,
      attempts: 1,
      upstream: 'one',
    },
    ...{ request: { method: 'POST' }, response: { headersSent: true, statusCode: 200 }, outcome: 'completed' },
    body: Buffer.from('{"prompt":"secret"}'),
  }) as unknown as Exchange;

test.each([false, true])(
  'requests do not wait for the disk, what is dropped is recorded, and bodies if configured: %s',
  async prompts => {
    const folder = join(root, `${prompts}`);
    const disk = Promise.withResolvers<void>();
    const registry = new Registry();
    const log = new AuditLog({
      config: auditSchema.parse({ folder, prompts, maxBuffered: 4 }),
      clock: new FakeClock(Date.UTC(2026, 0, 1)),
      log: pino({ enabled: false }),
      ...{ registry, addressOf: () => '10.0.0.7', settle: run => disk.promise.then(run) },
    });
    log.record(exchange(0), 12.3);
    log.recordChange({ method: 'PUT', path: '/drain', body: {}, status: 200, address: '127.0.0.1' });
    // The first batch waits for the disk; of the next ten, four fit the buffer.
    await new Promise(setImmediate);
    for (let n = 1; n <= 10; n += 1) log.record(exchange(n), 1);
    disk.resolve();
    await log[Symbol.asyncDispose]();
    const records = readFileSync(join(folder, 'audit-2026-01-01.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line));
    expect(records.map(({ type, requestId, count }) => requestId ?? count ?? type)).toEqual([
      ...['file', 'start', 'r0', 'admin', 'r1', 'r2', 'r3', 'r4', 6],
    ]);
    expect(records[2]).toMatchObject({ address: '10.0.0.7', caller: 'c', status: 200, durationMs: 12, bodyBytes: 19 });
    expect(records[3]).toMatchObject({ method: 'PUT', path: '/drain', status: 200, address: '127.0.0.1' });
    expect(JSON.stringify(records).includes('secret')).toBe(prompts);
    expect(await verifyChain(folder)).toMatchObject({ finding: undefined, dropped: 6 });
    expect(await registry.metrics()).toContain('gateway_audit_records_total{result="dropped"} 6');
  },
);
