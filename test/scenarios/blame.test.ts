import { describe, expect, it } from 'vitest';
import { messageOf, type SquallError } from '../../harness/errors.ts';
import type { FoundScenario } from '../../scenarios/find.ts';
import { loadScenario } from '../../scenarios/load-scenario.ts';

const RAW = {
  name: 'mine',
  why: 'Mine.',
  load: { stages: [{ at: '40/s', for: '15s' }], workload: 'chat-short' },
  faults: [
    { id: 'slow', kind: 'latency', on: 'gateway->inference-1', at: '4s', for: '8s', latency: '400ms', jitter: '100ms' },
  ],
  slos: [{ name: 'error rate', objective: 'errors <= 3%' }],
};
const from = (raw: object): FoundScenario => ({ raw, source: 'mine.yaml', folder: '/tmp' });
const failure = (changes: Record<string, unknown>, given: Record<string, string> = {}, raw: object = RAW) =>
  loadScenario(from(raw), { seed: 1, platform: 'process', replay: '', changes, given }).then(
    () => undefined,
    (error: SquallError) => error,
  );

describe('a mistake in an option is not blamed on the file', () => {
  it.each([
    ['an unknown key', 'stack.gateway.balancr', 'x'],
    ['a value out of range', 'stack.inference.replicas', 0],
    ['an item of a list by its id', 'faults.slow.latency', 900],
    ['one by its name', 'slos.error rate.objective', 'errors <= 3'],
    ['a link that does not exist', 'faults.slow.on', 'gateway->inference-9'],
    ['a section', 'load', { stages: 'none' }],
    ['two fields that do not fit, of which the other is named', 'faults.slow.latency', '50ms'],
    ['a limit that others exceed', 'load.maxInFlight', 0],
  ])('%s: --set %s', async (_, path, value) => {
    const error = await failure({ [path]: value });
    expect(error).toMatchObject({ kind: 'option', next: expect.stringContaining(`Correct --set ${path}.`) });
    expect(messageOf(error)).not.toMatch(/mine\.yaml is not a scenario/);
  });

  it('of --path and --header, in the words of the user, without the value of a header', async () => {
    const given = { 'load.path': '--path x', 'load.headers.api-key': '--header api-key' };
    expect(await failure({ 'load.path': 'x' }, given)).toMatchObject({ next: 'Correct --path x.' });
    const error = await failure({ 'load.headers.api-key': 'sk-secret' }, given);
    expect(error?.next).toMatch(/^Correct --header api-key\./);
    expect(messageOf(error) + error?.next).not.toContain('sk-secret');
  });

  it('but a mistake of the file remains one of the file', async () => {
    const error = await failure({ 'stack.inference.replicas': 2 }, {}, { ...RAW, loads: 1 });
    expect(error).toMatchObject({ kind: 'scenario', message: expect.stringContaining('mine.yaml is not a scenario') });
  });
});
