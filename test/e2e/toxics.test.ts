import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { RunDocument } from '../../reports/store/run-document.ts';
import { startFixture } from '../load/rig.ts';
import { squall, temporaryFolder } from './squall.ts';

const SCENARIO = join(import.meta.dirname, 'fixtures/toxics.yaml');

it('every toxic in front of a target takes effect, is told in the outcomes of requests, and is gone', async () => {
  using out = temporaryFolder();
  await using server = await startFixture('../../e2e/fixtures/openai-server.ts', '{}');
  const { stdout, stderr } = await squall(['run', SCENARIO, '--target', server.said, '--out', out.path, '--json']);
  const { faults, windows, reasons } = JSON.parse(stdout) as RunDocument;
  expect(faults, `${reasons}\n${stderr}`).toHaveLength(7);
  for (const { id, effectiveAtMs, healVerified, evidence } of faults) {
    expect(effectiveAtMs, `${id}: ${evidence}`).not.toBeNull();
    expect(healVerified, id).toBe(true);
  }
  const during = (id: string) => windows.find(({ name }) => name === `fault:${id}`)!;
  const ratio = (id: string, ...kinds: string[]) => {
    const { requests, errors } = during(id) as { requests: number; errors: Readonly<Record<string, number>> };
    return kinds.reduce((sum, kind) => sum + (errors[kind] ?? 0), 0) / requests;
  };
  const p50Ms = (id: string) => during(id).latencyMs.p50!;
  const before = windows.find(({ name }) => name === 'baseline')!.latencyMs.p50!;
  // Events of 1.1 KB: 220 ms at 5 KB/s; at least 16 pieces with 5 ms between them. Upper bounds allow for a busy machine.
  for (const [id, addsMs] of Object.entries({ narrow: 100, sliced: 50 })) {
    expect(ratio(id, ...Object.keys(during(id).errors)), id).toBe(0);
    expect(p50Ms(id), id).toBeGreaterThan(before + addsMs);
    expect(p50Ms(id), id).toBeLessThan(before + 1500);
  }
  // The end is late, responses are not.
  expect(ratio('lingering', ...Object.keys(during('lingering').errors))).toBe(0);
  expect(p50Ms('lingering')).toBeLessThan(before + 150);
  // A window ends with the recovery, in whose last moments requests succeed.
  expect(ratio('cut', 'truncated')).toBeGreaterThan(0.6);
  // Half of the requests, each with a connection of its own, for as long as the fault is active.
  expect(ratio('resets', 'reset', 'truncated')).toBeGreaterThan(0.2);
  expect(ratio('resets', 'reset', 'truncated')).toBeLessThan(0.8);
  expect(ratio('hole', 'reset', 'first-token-timeout', 'truncated')).toBeGreaterThan(0.6);
  expect(ratio('gone', 'connection-refused')).toBeGreaterThan(0.6);
});
