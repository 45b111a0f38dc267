import { z } from 'zod';
import { type CpuCosts, NO_COSTS } from './net/host.ts';

/**
 * What the event loops of the real services spend when they are overloaded, in ms: fitted on 2026-11-29 by `npm run bench -- costs`
 * (docs/virtual.md has the residuals) on two shared cores of an Intel Xeon, Node.js 24. Other machines differ by a factor, which
 * `stack.virtual.cpu` is.
 */
const MEASURED = {
  gateway: { requestMs: 0.26, connectionMs: 0.3, chunkMs: 0.0065 },
  inference: { requestMs: 0.11, connectionMs: 0.1, chunkMs: 0.015 },
  control: { requestMs: 0.06, connectionMs: 0.08, chunkMs: 0 },
} as const satisfies Readonly<Record<string, CpuCosts>>;

/** Services that take time of the processor. */
type Service = keyof typeof MEASURED;

const costMs = (measured: number, of: string) => z.number().min(0).max(60_000).default(measured).describe(of);

function costsOf({ requestMs, connectionMs, chunkMs }: CpuCosts) {
  return z
    .strictObject({
      requestMs: costMs(requestMs, 'CPU time of a request'),
      connectionMs: costMs(connectionMs, 'CPU time of a connection, accepted or opened'),
      chunkMs: costMs(chunkMs, 'CPU time of a piece of a response, about one a token'),
    })
    .prefault({});
}

/** The `stack.virtual` section of a scenario, which only virtual time reads. Unknown keys are errors. */
export const virtualOptionsSchema = z.strictObject({
  cpu: z
    .union([
      z.number().min(0).max(1000),
      z.strictObject({
        gateway: costsOf(MEASURED.gateway),
        inference: costsOf(MEASURED.inference),
        control: costsOf(MEASURED.control),
      } satisfies Readonly<Record<Service, z.ZodType>>),
    ])
    .default(1)
    .describe(
      'CPU time that services take in virtual time: a multiple of what was measured, 0 for none; or by service',
    ),
});

/** Validated options of virtual time. */
export type VirtualOptions = z.output<typeof virtualOptionsSchema>;

/** What a replica of `service` costs its host: nothing for those whose costs are not modelled, such as Redis. */
export function cpuCostsOf({ cpu }: VirtualOptions, service: string): CpuCosts {
  if (!Object.hasOwn(MEASURED, service)) return NO_COSTS;
  const of = service as Service;
  if (typeof cpu !== 'number') return cpu[of];
  const { requestMs, connectionMs, chunkMs } = MEASURED[of];
  return { requestMs: cpu * requestMs, connectionMs: cpu * connectionMs, chunkMs: cpu * chunkMs };
}
