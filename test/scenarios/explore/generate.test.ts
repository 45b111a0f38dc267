import { describe, expect, it } from 'vitest';
import { type ChaosPlan, type ChaosTarget, overlaps, spanOf } from '../../../scenarios/explore/chaos.ts';
import { explorable } from '../../../scenarios/explore/chaos-schema.ts';
import { scheduleAt } from '../../../scenarios/explore/generate.ts';
import type { Schedule } from '../../../scenarios/explore/schedule.ts';
import { chaosOf } from './fixture.ts';

const { plan } = await chaosOf({ stack: { 'gateway.retries': [0, 1], 'gateway.ejection': ['off'] } });
const COUNT = 500;
const schedules = Array.from({ length: COUNT }, (_, index) => scheduleAt(plan, 7, index));

function placed(chaos: ChaosPlan, { faults }: Schedule) {
  return faults.map(fault => {
    const targets = chaos.kinds.filter(({ kind }) => kind === fault.kind).flatMap(({ targets }) => targets);
    return { ...fault, target: targets.find(({ name }) => name === fault.on) as ChaosTarget };
  });
}

describe('schedules', () => {
  it('depend on seed and index alone', () => {
    expect(scheduleAt(plan, 7, 250)).toEqual(schedules[250]);
    expect(scheduleAt(plan, 8, 250)).not.toEqual(schedules[250]);
    expect(new Set(schedules.map(schedule => JSON.stringify(schedule))).size).toBe(COUNT);
  });

  it('have from one fault to the budget, in order of time, with ids of their own', () => {
    const counts = schedules.map(({ faults }) => faults.length);
    expect([...new Set(counts)].sort()).toEqual([1, 2, 3]);
    for (const { faults } of schedules) {
      expect(faults.map(({ atMs }) => atMs)).toEqual(faults.map(({ atMs }) => atMs).sort((a, b) => a - b));
      expect(new Set(faults.map(({ id }) => id)).size).toBe(faults.length);
    }
  });

  it('stay within the times of the section, with what they end back before its last', () => {
    for (const schedule of schedules)
      for (const fault of placed(plan, schedule)) {
        expect(fault.atMs).toBeGreaterThanOrEqual(plan.fromMs);
        expect(spanOf(fault).toMs).toBeLessThanOrEqual(plan.untilMs);
      }
  });

  it('have no more faults at once than allowed, and never two that touch one replica', () => {
    let atOnce = 0;
    for (const schedule of schedules) {
      const faults = placed(plan, schedule);
      for (const one of faults) {
        const beside = faults.filter(other => other !== one && overlaps(spanOf(one), spanOf(other)));
        atOnce += beside.length > 0 ? 1 : 0;
        for (const other of beside)
          expect(one.target.touches.filter(name => other.target.touches.includes(name))).toEqual([]);
        const then = { fromMs: one.atMs, toMs: one.atMs + 1 };
        expect(faults.filter(other => overlaps(then, spanOf(other))).length).toBeLessThanOrEqual(plan.atOnce);
      }
    }
    // Overlap is where the interesting failures are.
    expect(atOnce).toBeGreaterThan(COUNT / 3);
  });

  it('draw parameters that their kinds accept, between both ends of a range', () => {
    const latencies: unknown[] = [];
    for (const { faults } of schedules)
      for (const { kind, parameters, forMs } of faults) {
        expect(explorable.find(other => other.kind === kind)!.parameters.safeParse(parameters).success).toBe(true);
        if (kind === 'latency') latencies.push(parameters.latencyMs);
        if (kind === 'pause') expect(forMs).toBeGreaterThanOrEqual(2000);
        if (kind === 'pause') expect(forMs).toBeLessThanOrEqual(8000);
      }
    expect(Math.min(...(latencies as number[]))).toBeGreaterThanOrEqual(50);
    expect(Math.max(...(latencies as number[]))).toBeLessThanOrEqual(1000);
    expect(Math.max(...(latencies as number[]))).toBeGreaterThan(800);
  });

  it('draw kinds by their weights, and options of the stack about half the time', () => {
    const kinds = schedules.flatMap(({ faults }) => faults.map(({ kind, on }) => `${kind} ${on.split('-')[0]}`));
    const share = (name: string) => kinds.filter(kind => kind === name).length / kinds.length;
    // Weight 3 against 1: more than twice as often, not more than five times.
    expect(share('kill inference')).toBeGreaterThan(2 * share('kill control'));
    expect(share('kill inference')).toBeLessThan(6 * share('kill control'));
    const set = schedules.filter(({ stack }) => 'gateway.retries' in stack).length / COUNT;
    expect(set).toBeGreaterThan(0.4);
    expect(set).toBeLessThan(0.6);
  });
});
