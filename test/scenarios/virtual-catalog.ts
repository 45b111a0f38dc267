import { catalogNames } from '../../scenarios/find.ts';

/** Scenarios that virtual time cannot run, with what the refusal names; all others run there, with their proofs. */
export const REFUSED: Readonly<Record<string, RegExp>> = {
  'certificate-renewal': /`stack\.edge`.* nginx/,
  'long-header': /`stack\.edge`.* nginx/,
  'low-and-slow': /got "low-and-slow", which needs process/,
  'slow-body': /got "slow-body", which needs process/,
  'slow-headers': /got "slow-headers", which needs process/,
  'slow-read': /got "slow-read", which needs process/,
};

/** Scenarios for `squall explore`: without faults of their own they have no proof. That it finds something is shown by planted bugs. */
export const EXPLORED: readonly string[] = ['random-faults'];

export const PROVABLE: readonly string[] = catalogNames().filter(
  name => !(name in REFUSED) && !EXPLORED.includes(name),
);
