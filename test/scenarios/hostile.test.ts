import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { planLines } from '../../cli/dry-run.ts';
import { shown } from '../../cli/terminal.ts';
import { SquallError } from '../../harness/errors.ts';
import { catalogNames, findScenario } from '../../scenarios/find.ts';
import { loadScenario } from '../../scenarios/load-scenario.ts';
import { hostileFiles } from './hostile-scenarios.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'squall-hostile-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const COUNT = 500;
const MAX_CPU_MS = 2000;
const MAX_MESSAGE = 20_000;

it(`plans or refuses each of ${COUNT} hostile files, soon and in few words`, { timeout: 120_000 }, async () => {
  const bases = await Promise.all(catalogNames().map(async name => (await findScenario(name)).raw));
  const path = join(folder, 'hostile.yaml');
  const found: string[] = [];
  let plans = 0;
  for (const { name, bytes } of hostileFiles(COUNT, bases, 20_261_128)) {
    writeFileSync(path, bytes);
    const before = process.cpuUsage();
    try {
      // As `squall run --dry-run` does.
      const loaded = await loadScenario(path, { seed: 1, platform: 'process', replay: 'npx squall run hostile.yaml' });
      for (const line of planLines(loaded)) shown(line);
      plans += 1;
    } catch (error) {
      const isTold = error instanceof SquallError && ['scenario', 'option', 'environment'].includes(error.kind);
      if (!isTold) found.push(`${name}: ${error instanceof Error ? error.stack : error}`);
      else if (error.message.length > MAX_MESSAGE) found.push(`${name}: ${error.message.length} characters of message`);
      else if (/hunter2|MIIEvQ|root:x/.test(error.message)) found.push(`${name}: quotes a secret`);
    }
    const { user, system } = process.cpuUsage(before);
    const cpuMs = (user + system) / 1000;
    if (cpuMs > MAX_CPU_MS) found.push(`${name}: ${Math.round(cpuMs)} ms of CPU time`);
  }
  expect(found).toEqual([]);
  // The changes are neither all harmless nor all hopeless.
  expect(plans).toBeGreaterThan(COUNT / 20);
  expect(plans).toBeLessThan(COUNT / 2);
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
});
