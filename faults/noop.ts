import { z } from 'zod';
import { replicaFault } from './fault.ts';

/** Does nothing: the template of a new fault, and the broken fault that tests show to the run. */
export const fault = replicaFault({
  kind: 'noop',
  summary: 'Changes nothing, so that it has no observable effect and its run is invalid.',
  parameters: z.object({}),
  selfHealing: true,
  create: (_parameters, replica, { clock }) => ({
    inject: async () => {},
    // A real fault returns as soon as it observes its effect.
    verifyEffect: signal => clock.sleep(2 ** 31 - 1, signal) as Promise<never>,
    heal: async () => {},
    verifyHealed: async () => ({ atMs: clock.nowMs(), evidence: `${replica.name} was never touched` }),
  }),
});
