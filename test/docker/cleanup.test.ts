import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import { testRun } from '../platform/fixture-stack.ts';
import { eventually } from '../until.ts';
import { leftOf, noDocker } from './docker-stack.ts';

const PROGRAM = join(import.meta.dirname, 'fixtures/holds-containers.ts');
/** The promise of the README: nothing of a killed run is left after this long. */
const LIMIT_MS = 15_000;

function holdStack({ options: { runId, directory } }: ReturnType<typeof testRun>): ChildProcess {
  const env = { ...process.env, TESTCONTAINERS_RYUK_DISABLED: 'true' };
  const harness = spawn(process.execPath, [PROGRAM, runId, directory], { stdio: ['ignore', 'pipe', 'inherit'], env });
  onTestFinished(() => void harness.kill('SIGKILL'));
  return harness;
}

describe.skipIf(Boolean(noDocker))(`a harness that is killed ${noDocker || ''}`, () => {
  it('leaves no container and no network of a stack that is up', async () => {
    using run = testRun();
    const { runId, directory } = run.options;
    const harness = holdStack(run);
    await once(createInterface({ input: harness.stdout! }), 'line');
    // The counterpart: proxy, prober, two replicas (one of them frozen), the networks edge, a and front, and
    // a volume of files for each but the proxy.
    expect(await leftOf(runId)).toHaveLength(4 + 3 + 3);
    harness.kill('SIGKILL');
    expect(await eventually(async () => (await leftOf(runId)).length === 0, LIMIT_MS)).toBe(true);
    const log = () => readFileSync(join(directory, 'watchdog.log'), 'utf8');
    expect(await eventually(() => log().includes('all are gone'), 5000)).toBe(true);
    expect(log()).toMatch(
      /Removed containers (\w{12} ){3}\w{12}, networks (\w{12} ){2}\w{12}, volumes none; all are gone/,
    );
  });

  it('leaves nothing when it is killed while containers are being made', async () => {
    using run = testRun();
    const { runId } = run.options;
    const harness = holdStack(run);
    const seesContainer = async () => (await leftOf(runId)).some(left => left.startsWith('containers'));
    expect(await eventually(seesContainer)).toBe(true);
    harness.kill('SIGKILL');
    const killedMs = performance.now();
    expect(await eventually(async () => (await leftOf(runId)).length === 0, LIMIT_MS)).toBe(true);
    // Nor does anything appear later that the engine was still creating.
    while (performance.now() - killedMs < 4000) await new Promise(resolve => setTimeout(resolve, 200));
    expect(await leftOf(runId)).toEqual([]);
  });
});
