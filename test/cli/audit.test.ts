import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { AuditFile } from '../../stack/gateway/audit/audit-file.ts';
import { squall, temporaryFolder } from '../e2e/squall.ts';

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

test('squall audit verify names the first wrong line, and says by its exit code what it found', async () => {
  for (const name of ['gateway-1', 'gateway-2']) {
    const file = new AuditFile(join(folder.path, 'audit', name), 30);
    await file.resume('2026-01-01T00:00:00.000Z');
    await file.close();
  }
  const audit = join(folder.path, 'audit');
  const verify = (...more: string[]) => squall(['audit', 'verify', ...more]);
  const whole = await verify(audit);
  expect(whole.code, whole.stderr).toBe(0);
  const head = /gateway-2: 2 records, whole\s+head (2:[0-9a-f]{64})/.exec(whole.stdout)?.[1];
  expect(head).toBeDefined();
  const [anchored, several, nothing, nowhere] = await Promise.all([
    verify(join(audit, 'gateway-2'), '--anchor', head!),
    verify(audit, '--anchor', head!),
    verify(folder.path),
    verify(join(folder.path, 'nowhere')),
  ]);
  expect([anchored.code, several.code, nothing.code, nowhere.code]).toEqual([0, 3, 2, 4]);
  expect(several.stderr).toContain('Expected --anchor with one audit log, found 2');
  const path = join(audit, 'gateway-1', 'audit-2026-01-01.jsonl');
  writeFileSync(path, readFileSync(path, 'utf8').replace('"start"', '"stars"'));
  const changed = await verify(audit);
  expect(changed.code).toBe(1);
  expect(changed.stdout).toContain('gateway-1: audit-2026-01-01.jsonl, line 2: changed: ');
});
