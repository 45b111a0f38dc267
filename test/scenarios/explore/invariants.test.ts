import { describe, expect, it } from 'vitest';
import { checkInvariants, invariantNames } from '../../../scenarios/explore/invariants.ts';
import { SETTLED, TABLE } from './invariant-table.ts';
import { type Script, scripted } from './scripted-facts.ts';

/** A script that settled, whatever else it says, so that only what it is about can be broken. */
function broken(script: Script): string[] {
  return checkInvariants(scripted(script)).map(({ invariant }) => invariant);
}

describe.each(Object.entries(TABLE))('%s', (name, { holds, breaks }) => {
  it.each(Object.entries(holds))('holds when %s', (_, script) => {
    expect(broken(script)).not.toContain(name);
  });

  it.each(Object.entries(breaks))('is broken when %s', (_, script) => {
    expect(broken(script)).toContain(name);
  });
});

it('covers every invariant', () => {
  expect(Object.keys(TABLE).sort()).toEqual(invariantNames().sort());
});

it('tells the first breach with its figures, and how many more there are', () => {
  const [violation] = checkInvariants(scripted({ ...SETTLED, halfOpen: ['a: b → c', 'a: d → e', 'a: f → g'] }));
  expect(violation).toEqual({
    invariant: 'no-connection-is-left',
    message: 'a: b → c is open at one end only, and 2 more',
  });
});
