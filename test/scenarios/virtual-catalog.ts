import { catalogNames } from '../../scenarios/find.ts';

/** Scenarios that virtual time cannot run, with what the refusal names; all others run there, with their proofs. */
export const REFUSED: Readonly<Record<string, RegExp>> = {
  'certificate-renewal': /`stack\.edge` \(it cannot run nginx\)/,
  'long-header': /`stack\.edge` \(it cannot run nginx\)/,
  'low-and-slow': /`faults\[0\]\.kind` low-and-slow \(it needs process or docker\)/,
  'slow-body': /`faults\[0\]\.kind` slow-body \(it needs process or docker\)/,
  'slow-headers': /`faults\[0\]\.kind` slow-headers \(it needs process or docker\)/,
  'slow-read': /`faults\[0\]\.kind` slow-read \(it needs process or docker\)/,
};

/** Scenarios for `squall explore`: without faults of their own they have no proof. That it finds something is shown by planted bugs. */
export const EXPLORED: readonly string[] = ['random-faults'];

export const PROVABLE: readonly string[] = catalogNames().filter(
  name => !(name in REFUSED) && !EXPLORED.includes(name),
);
