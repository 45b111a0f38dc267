import { systemSecrets } from '../harness/host/secrets.ts';

/** What the topology of a new stack of a test is made of. */
export const FRESH = { secret: systemSecrets, now: new Date() };
