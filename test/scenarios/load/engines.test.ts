import { describe, expect, it } from 'vitest';
import { compileScenario } from '../../../scenarios/compile.ts';
import { chooseEngine } from '../../../scenarios/load/engines.ts';
import { validateScenario } from '../../../scenarios/validate.ts';

const SLO = { name: 'answers come', objective: 'p99(latency) <= 1 s' };

function compile(load: object, slos: object[] = [SLO]) {
  const raw = { name: 'a', why: 'b', stack: {}, load: { stages: [{ at: '10/s', for: '5s' }], ...load }, slos };
  return compileScenario(validateScenario(raw, 'a.yaml'), { seed: 1, platform: 'process', replay: '' }).plan;
}

describe('the choice of an engine', () => {
  it.each([
    ['k6 with random arrivals', { engine: 'k6' }, 'load.arrivals'],
    ['connections without a closed loop', { connections: 5 }, 'load.connections'],
    ['autocannon without connections', { engine: 'autocannon', stages: [{ for: '5s' }] }, 'load.connections'],
    ['autocannon with a rate', { engine: 'autocannon', connections: 5 }, 'load.stages[0].at'],
    ['a stage without a rate', { stages: [{ for: '5s' }] }, 'load.stages[0]'],
    ['a long probe', { engine: 'autocannon', connections: 5, stages: [{ for: '61s' }] }, 'load.stages'],
  ])('refuses %s and names the field', (_, load, field) => {
    expect(() => compile(load)).toThrow(`\`${field}\``);
  });

  it('refuses objectives on what an engine does not see', () => {
    const slos = [SLO, { name: 'first tokens', objective: 'p99(ttft) <= 1 s' }];
    expect(() => compile({ engine: 'k6', arrivals: 'constant' }, slos)).toThrow('`slos[1].objective`');
    expect(compile({ engine: 'stream' }, slos).load.engine).toBe('stream');
  });

  it('announces the arrivals that k6 itself makes', () => {
    const { arrivals, load } = compile({ engine: 'k6', arrivals: 'constant', warmUp: '1s' });
    expect(load.engine).toBe('k6');
    expect(arrivals.count).toBe(60);
    expect(arrivals.sha256).not.toBe(compile({ arrivals: 'constant', warmUp: '1s' }).arrivals.sha256);
  });

  it('has a closed loop in the plan as it was written', () => {
    const { load, arrivals } = compile({ engine: 'autocannon', connections: 32, stages: [{ for: '5s' }] });
    expect(load).toMatchObject({ engine: 'autocannon', connections: 32 });
    expect(arrivals.count).toBe(0);
  });

  it('takes the streaming client for token streams, k6 or not, at any rate', () => {
    expect(compile({ engine: 'auto' }).load.engine).toBe('stream');
    const { load } = compile({ engine: 'stream', arrivals: 'constant', stages: [{ at: '2000/s', for: '5s' }] });
    expect(chooseEngine(load, [], () => true)).toBe('stream');
  });
});
