import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { processesOfRun } from '../../harness/host/process-group.ts';
import { grownPart } from '../../reports/store/requests/growing.ts';
import { readRequests } from '../../reports/store/requests-file.ts';
import { eventually } from '../until.ts';
import { SMALL, squall, temporaryFolder } from './squall.ts';

/** Requests of a run directory that are durable: those in whole row groups. */
const sealedIn = (directory: string) => Number(grownPart(directory)?.metadata.num_rows ?? 0);
const journalled = (directory: string) =>
  readdirSync(directory)
    .filter(name => name.endsWith('.ndjson') && name.startsWith('requests'))
    .flatMap(name => readFileSync(join(directory, name), 'utf8').split('\n').slice(0, -1))
    .map(line => JSON.parse(line).index as number);

it('leaves each of its requests readable once, up to its last second, when it is killed after it has sealed some', async () => {
  using out = temporaryFolder();
  const program = join(import.meta.dirname, 'fixtures/seals-often.ts');
  const child = spawn(process.execPath, [program, SMALL, out.path], { stdio: ['ignore', 'inherit', 'inherit'] });
  const ended = once(child, 'exit');
  const directory = () => join(out.path, readdirSync(out.path)[0]!);
  // 150 requests, those of the warm-up among them, take 3 s; what is sealed has no journal any more, but for the one that is appended to and those that wait for its group.
  expect(await eventually(() => readdirSync(out.path).length > 0 && sealedIn(directory()) >= 150, 60_000)).toBe(true);
  await sleep(500);
  const before = journalled(directory());
  child.kill('SIGKILL');
  await ended;
  const id = directory().split('/').at(-1)!;
  expect(await eventually(() => processesOfRun(id).length === 0, 20_000)).toBe(true);
  expect(existsSync(join(directory(), 'requests.parquet'))).toBe(false);
  expect(sealedIn(directory())).toBeGreaterThanOrEqual(150);

  const indexes = [...(await readRequests(directory()))].map(({ index }) => index);
  expect(indexes).toEqual([...new Set(indexes)].sort((a, b) => a - b));
  expect(indexes).toEqual(expect.arrayContaining(before));
  // Arrivals are numbered without a gap; only those that were in flight are missing.
  expect(indexes.at(-1)! + 1 - indexes.length).toBeLessThan(60);
  expect(indexes.length).toBeGreaterThanOrEqual(150);

  const recheck = await squall(['recheck', directory()]);
  expect(recheck.code).toBe(2);
  expect(recheck.stdout).toMatch(/the harness was killed during the run/);
  expect((await squall(['report', directory()])).code).toBe(0);
  const document = JSON.parse(readFileSync(join(directory(), 'run.json'), 'utf8'));
  expect(document).toMatchObject({ verdict: 'invalid', exitCode: 2 });
  expect(document.windows.find(({ name }: { name: string }) => name === 'whole').requests).toBeGreaterThan(50);
});
