import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { onlyRun, start, temporaryFolder } from '../e2e/squall.ts';
import { startReplica } from '../stack/inference/replica-process.ts';
import { notInstalled, startLiteLlm } from './servers.ts';

const PROFILE = 'qwen3-8b-fp8-h100';
const SECRET = 'sk-very-secret';

/** LiteLLM's own, for an upstream that nobody listens at. */
const WORDS = 'OpenAIException - Connection error';

const SCENARIO = `
name: litellm
why: A gateway that nobody here wrote, one of whose three replicas dies.
load:
  model: my-model
  arrivals: constant
  warmUp: 8s
  headers: { x-litellm-key: env:LITELLM_KEY }
  stages: [{ at: 4/s, for: 12s }]
  workload: { promptTokens: 16, outputTokens: 8 }
slos:
  - { name: errors, objective: errors <= 2% }
`;

describe.skipIf(notInstalled)(`LiteLLM in front of three simulators ${notInstalled || ''}`, () => {
  it('is reached by base path and key, and says in its own words what the death of a replica did', async () => {
    using folder = temporaryFolder();
    const config = (name: string) => ({ name, profile: PROFILE, model: PROFILE, timeScale: 240 });
    await using first = await startReplica(config('inference-1'));
    await using second = await startReplica(config('inference-2'));
    await using third = await startReplica(config('inference-3'));
    await using gateway = await startLiteLlm({
      folder: folder.path,
      model: PROFILE,
      upstreams: [first, second, third].map(({ url }) => `${url}/v1`),
      key: SECRET,
      keyHeader: 'X-LiteLLM-Key',
      basePath: '/llm',
    });
    const scenario = join(folder.path, 'litellm.yaml');
    writeFileSync(scenario, SCENARIO);
    const out = join(folder.path, 'runs');
    const run = start(['run', scenario, '--target', `${gateway.url}/llm/v1`, '--out', out], {
      LITELLM_KEY: `Bearer ${SECRET}`,
    });
    await run.seen(/0\.\ds load/);
    await sleep(4000);
    third.child.kill('SIGKILL');
    const { code, stdout } = await run.finished;
    const { directory, document } = onlyRun(out);
    const { slos, load } = document();
    expect(code, stdout).toBe(1);
    // Nothing fails before the death, a third of the requests after it: of 32 between 3 and 20, with a probability above 99 %.
    expect(load.failed).toBeGreaterThanOrEqual(3);
    expect(load.failed).toBeLessThanOrEqual(20);
    expect(slos.map(({ verdict }) => verdict)).toEqual(['fail']);
    for (const file of ['report.html', 'junit.xml', 'summary.md', 'run.json'])
      expect(readFileSync(join(directory, file), 'utf8').includes(WORDS), file).toBe(true);
    expect(stdout).toContain(WORDS);
    expect(stdout).not.toContain(SECRET);
  });
});
