import { describe, expect, it } from 'vitest';
import { runScenario, type Scenario } from '../../cli/api.ts';
import { requestIdOf } from '../../harness/requests.ts';
import { REQUEST_ID_ATTRIBUTE } from '../../harness/tracing/span.ts';
import { readRequests } from '../../reports/store/requests-file.ts';
import { readSpans } from '../../reports/store/spans-file.ts';
import { temporaryFolder } from '../e2e/squall.ts';
import { leftOf, noDocker } from './docker-stack.ts';

/** Services of which gateways need the collector and a pool of workers, in containers of their own. */
const PARTS: Scenario = {
  name: 'parts',
  why: 'To see every request prepared and traced.',
  stack: {
    gateway: { replicas: 2, tracing: {} },
    inference: { replicas: 1, modelLoad: '1s' },
    preprocess: { workers: 8 },
  },
  load: {
    warmUp: '1s',
    stages: [{ at: '20/s', for: '4s' }],
    workload: { name: 'tiny', promptTokens: [16, 32], outputTokens: [4, 8] },
  },
  slos: [{ name: 'errors stay rare', objective: 'errors <= 20%' }],
};

describe.skipIf(Boolean(noDocker))(`parts on containers ${noDocker || ''}`, () => {
  it('prepare and trace each request: spans of both gateways arrive at the collector, and nothing is left', async () => {
    using out = temporaryFolder();
    const run = await runScenario(PARTS, { platform: 'docker', out: out.path });
    const [records, spans] = [await readRequests(run.directory), readSpans(run.directory)];
    const served = records.filter(({ outcome }) => outcome === 'ok');
    expect(served.length).toBeGreaterThan(50);
    const servers = spans.filter(({ kind }) => kind === 'server');
    expect(new Set(servers.map(({ by }) => by))).toEqual(new Set(['gateway-1', 'gateway-2']));
    const whole = served.filter(record => {
      const id = requestIdOf(record, run.id);
      const span = servers.find(({ attributes }) => (attributes[REQUEST_ID_ATTRIBUTE] as string[])[0] === id);
      const within = spans.filter(({ parentSpanId }) => parentSpanId === span?.spanId);
      const names = within.map(({ name }) => name);
      const sent = within.find(({ kind }) => kind === 'client');
      return (
        names.includes('body') && names.includes('preprocess') && sent?.attributes['server.address'] === 'inference-1'
      );
    });
    // On a busy machine a gateway that stops may not deliver its last ones.
    expect(whole.length).toBeGreaterThan(0.7 * served.length);
    expect(await leftOf(run.id)).toEqual([]);
  });
});
