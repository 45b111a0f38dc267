import { expect, it } from 'vitest';
import { addressBook } from '../../../load/stream/wire/addresses.ts';

/** A book whose clock and whose name the test moves. */
function book(first: readonly string[]) {
  const state = { nowMs: 0, lookUps: 0, found: first as readonly string[] | Error };
  const lookUp = async () => {
    state.lookUps += 1;
    if (state.found instanceof Error) throw state.found;
    return state.found;
  };
  return { state, addresses: addressBook({ addresses: first, lookUp, nowMs: () => state.nowMs }) };
}

const settled = () => new Promise(resolve => setImmediate(resolve));

it('deals addresses in turn, each with all the others behind it', () => {
  const { addresses } = book(['a', 'b', 'c']);
  expect([1, 2, 3, 4].map(() => addresses.next().join(''))).toEqual(['abc', 'bca', 'cab', 'abc']);
});

it('puts an address last for a second after it failed', () => {
  const { addresses, state } = book(['a', 'b']);
  addresses.failed('a');
  expect([1, 2].map(() => addresses.next().join(''))).toEqual(['ba', 'ba']);
  state.nowMs = 1000;
  expect([1, 2].map(() => addresses.next().join(''))).toEqual(['ab', 'ba']);
});

it('looks the name up again every 5 s of use, and keeps what it knows where that fails', async () => {
  const { addresses, state } = book(['a']);
  state.found = ['b', 'c'];
  addresses.next();
  expect(state.lookUps).toBe(0);
  state.nowMs = 5000;
  addresses.next();
  addresses.next();
  expect(state.lookUps).toBe(1);
  await settled();
  expect(new Set([addresses.next()[0], addresses.next()[0]])).toEqual(new Set(['b', 'c']));
  for (const nothing of [[], new Error('no such name')]) {
    state.found = nothing;
    state.nowMs += 5000;
    addresses.next();
    await settled();
    expect(addresses.next()).toHaveLength(2);
  }
  expect(state.lookUps).toBe(3);
});
