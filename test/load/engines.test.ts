import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hasK6 } from '../../load/k6/program/find.ts';
import { compileScenario } from '../../scenarios/compile.ts';
import { chooseEngine } from '../../scenarios/load/engine-choice.ts';
import { validateScenario } from '../../scenarios/validate.ts';

const STAGES = [{ at: '10/s', for: '5s' }];
const HTTP = { kind: 'http', path: '/health' };
const TALK = { preset: 'chat-short', sessions: { turns: 3 } };
const PROBE = { engine: 'autocannon', connections: 5, stages: [{ for: '5s' }] };
const CROWD = { engine: 'k6', arrivals: 'closed', stages: [{ users: 3, for: '5s' }] };
const SLO = { name: 'answers come', objective: 'p99(latency) <= 1 s' };

function compile(load: object, slos: object[] = [SLO]) {
  const raw = { name: 'a', why: 'b', stack: {}, load: { stages: STAGES, ...load }, slos };
  return compileScenario(validateScenario(raw, 'a.yaml'), { seed: 1, platform: 'process', replay: '' }).plan;
}

describe('the choice of an engine', () => {
  it.each([
    ['k6 with random arrivals', { engine: 'k6' }, 'load.arrivals'],
    ['connections without a closed loop', { connections: 5 }, 'load.connections'],
    ['autocannon without connections', { engine: 'autocannon', stages: [{ for: '5s' }] }, 'load.connections'],
    ['autocannon with a rate', { engine: 'autocannon', connections: 5 }, 'load.stages[0].at'],
    ['a stage without a rate', { stages: [{ for: '5s' }] }, 'load.stages[0]'],
    ['k6 with bursts', { engine: 'k6', arrivals: { kind: 'gamma', cv: 2 } }, 'load.arrivals'],
    ['k6 with more users than may be in flight', { ...CROWD, maxInFlight: 2 }, 'load.maxInFlight'],
    ['k6 with retries', { engine: 'k6', arrivals: 'constant', clients: { retry: 'naive' } }, 'load.clients'],
    [
      'k6 with a connection for each request',
      { engine: 'k6', arrivals: 'constant', clients: { connections: 'fresh' } },
      'load.clients',
    ],
    ['k6 with conversations', { engine: 'k6', arrivals: 'constant', workload: TALK }, 'load.workload.sessions'],
    ['autocannon with bursts', { ...PROBE, arrivals: { kind: 'gamma', cv: 2 } }, 'load.arrivals'],
    ['autocannon with users', { ...PROBE, stages: [{ users: 3, for: '5s' }] }, 'load.stages[0].users'],
    ['autocannon with HEAD', { ...PROBE, workload: { ...HTTP, method: 'HEAD' } }, 'load.workload.method'],
    ['autocannon with a short time limit', { ...PROBE, idleTimeout: '0.5s' }, 'load.idleTimeout'],
    ['a long probe', { engine: 'autocannon', connections: 5, stages: [{ for: '61s' }] }, 'load.stages'],
  ])('refuses %s and names the field', (_, load, field) => {
    expect(() => compile(load)).toThrow(`\`${field}\``);
  });

  it('refuses objectives on what an engine does not see', () => {
    const slos = [SLO, { name: 'first tokens', objective: 'p99(ttft) <= 1 s' }];
    expect(() => compile({ engine: 'k6', arrivals: 'constant' }, slos)).toThrow('`slos[1].objective`');
    expect(compile({ engine: 'stream' }, slos).load.engine).toBe('stream');
    const goodput = [{ name: 'in time', objective: 'goodput(ttft 1 s, latency 4 s) >= 95%' }];
    expect(() => compile({ engine: 'k6', arrivals: 'constant' }, goodput)).toThrow('`slos[0].objective`');
  });

  it('takes objectives on first bytes of plain HTTP from every engine, and none on tokens', () => {
    const slos = [{ name: 'first bytes', objective: 'p99(ttft) <= 1 s' }];
    const plain = { workload: HTTP };
    expect(compile({ ...plain, engine: 'k6', arrivals: 'constant' }, slos).load.workload).toMatchObject(HTTP);
    expect(compile({ ...plain, ...PROBE }, slos).load.workload).toMatchObject(HTTP);
    const gaps = [{ name: 'gaps', objective: 'p99(itl) <= 1 s' }];
    expect(() => compile(plain, gaps)).toThrow(/`slos\[0\].objective`.*ttft, latency.*plain HTTP/);
  });

  it('partitions only what the engine can deal out', () => {
    const raw = { name: 'a', why: 'b', load: { engine: 'k6', arrivals: 'constant', stages: STAGES }, slos: [SLO] };
    const scenario = validateScenario(raw, 'a.yaml');
    const options = { seed: 1, platform: 'process', replay: '' } as const;
    expect(() => compileScenario(scenario, { ...options, workers: 2 })).toThrow('`load.engine`');
    const probe = validateScenario({ ...raw, load: { ...PROBE } }, 'a.yaml');
    const segment = { index: 2, of: 3 };
    expect(() => compileScenario(probe, { ...options, segment })).toThrow('`load.engine`');
    expect(compileScenario(scenario, { ...options, workers: 1 }).plan.load.engine).toBe('k6');
    // 80 arrivals with the warm-up, of which the second of three has 1, 4, … 79.
    const { arrivals, segment: own } = compileScenario(scenario, { ...options, segment }).plan;
    expect([arrivals!.count, own!.whole.count]).toEqual([27, 80]);
  });

  it('announces the arrivals that k6 itself makes', () => {
    const { arrivals, load } = compile({ engine: 'k6', arrivals: 'constant', warmUp: '1s' });
    expect(load.engine).toBe('k6');
    expect(arrivals!.count).toBe(60);
    expect(arrivals!.sha256).not.toBe(compile({ arrivals: 'constant', warmUp: '1s' }).arrivals!.sha256);
  });

  it('has a closed loop in the plan as it was written', () => {
    const { load, arrivals } = compile({ engine: 'autocannon', connections: 32, stages: [{ for: '5s' }] });
    expect(load).toMatchObject({ engine: 'autocannon', connections: 32 });
    expect(load.arrivals).toMatchObject({ kind: 'closed' });
    expect(arrivals).toBeNull();
  });

  it('has the users of k6 in the plan, and no schedule', () => {
    const { load, arrivals } = compile(CROWD);
    expect(load).toMatchObject({ engine: 'k6', arrivals: { kind: 'closed', thinkTimeMs: [500, 2000] } });
    expect(arrivals).toBeNull();
  });

  it('takes k6 for plain HTTP above 5000/s, where there is one that is new enough', () => {
    const plain = { workload: HTTP, arrivals: 'constant' };
    const choose = (at: string, env: NodeJS.ProcessEnv) =>
      chooseEngine(compile({ ...plain, stages: [{ at, for: '5s' }] }).load, [], undefined, () =>
        hasK6({ env, toolsDirectory: '/nonexistent' }),
      );
    const folder = mkdtempSync(join(tmpdir(), 'squall-k6-'));
    try {
      const named = (version: string) => {
        writeFileSync(join(folder, 'k6'), `#!/bin/sh\necho 'k6 ${version}'\n`, { mode: 0o755 });
        return { PATH: folder };
      };
      expect(choose('5001/s', named('v2.0.0 (go1.25)'))).toBe('k6');
      expect(choose('5000/s', named('v2.0.0 (go1.25)'))).toBe('stream');
      expect(choose('5001/s', named('v1.9.9'))).toBe('stream');
      expect(choose('5001/s', named('is something else'))).toBe('stream');
      expect(choose('5001/s', { PATH: '' })).toBe('stream');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('takes the streaming client for a segment, whichever machine has k6', () => {
    const { load } = compile({ workload: HTTP, arrivals: 'constant', stages: [{ at: '6000/s', for: '5s' }] });
    const around = { hasWorkers: false, isSegment: true, target: undefined };
    expect(chooseEngine(load, [], around, () => true)).toBe('stream');
    expect(chooseEngine(load, [], { ...around, isSegment: false }, () => true)).toBe('k6');
  });

  it('takes the streaming client for token streams, k6 or not, at any rate', () => {
    expect(compile({ engine: 'auto' }).load.engine).toBe('stream');
    const { load } = compile({ engine: 'stream', arrivals: 'constant', stages: [{ at: '2000/s', for: '5s' }] });
    expect(chooseEngine(load, [], undefined, () => true)).toBe('stream');
  });
});
