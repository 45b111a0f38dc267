import { z } from 'zod';

/** Name of the group of the stack's inference replicas. */
export const INFERENCE = 'inference';

const name = z
  .string()
  .max(40)
  .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, 'expected lower-case letters, digits and dashes');
const duration = (defaultMs: number) => z.number().min(0).max(86_400_000).default(defaultMs);
const atMs = z.number().min(0).max(86_400_000);
const count = (min: number) => z.int().min(min).max(200);

/** How a provider takes the nodes of a pool back. */
const spot = z.strictObject({
  noticeMs: duration(120_000).describe('from the notice to the end of the node'),
  drainMs: duration(2500).describe(
    'before its end its pods are told to end, in the time of the run, which replicas take up to 2 s for; 0: they end with it',
  ),
  preemptionsPerHour: z
    .number()
    .min(0)
    .max(3600)
    .default(0)
    .describe('how often the provider takes a node, per hour that it runs; drawn from the seed'),
  preemptions: z
    .array(z.strictObject({ atMs, nodes: count(1).default(1) }))
    .max(100)
    .default([])
    .describe('when nodes are given notice, from the start of the load phase, in the time of the run'),
});

const pool = z
  .strictObject({
    name,
    kind: z
      .enum(['gpu', 'cpu', 'mixed'])
      .default('gpu')
      .describe('gpu: for pods that need a GPU, alone; cpu: without GPUs; mixed: for both kinds of pods'),
    gpusPerNode: z.int().min(1).max(16).optional().describe('by default 8; none in a pool of kind cpu'),
    cpusPerNode: z.number().min(0.1).max(1024).default(64),
    min: count(0).default(0).describe('nodes that there are always, and at first'),
    max: count(0),
    bootMs: duration(90_000).describe('from the decision to boot a node until it takes pods'),
    idleMs: duration(600_000).describe('after which a node without pods is stopped'),
    pricePerHour: z.number().min(0).max(100_000).describe('dollars for a node'),
    spot: z.union([z.literal('off'), spot]).default('off'),
  })
  .refine(({ min, max }) => min <= max, { path: ['min'], message: 'expected at most `max`' })
  .refine(({ kind, gpusPerNode }) => kind !== 'cpu' || gpusPerNode === undefined, {
    path: ['gpusPerNode'],
    message: 'expected nothing, since a pool of kind cpu has no GPUs',
  });

/** What pods of every kind say. Priorities are those of real time, batch and test. */
const group = {
  priority: z.literal([90, 50, 10]),
  cpus: z.number().min(0).max(1024).default(0).describe('CPUs that each requests'),
  pools: z.array(name).min(1).max(50).optional().describe('pools whose nodes may run it, by default all'),
  antiAffinity: z
    .union([z.literal('off'), z.strictObject({ over: z.enum(['node', 'zone']), required: z.boolean().default(false) })])
    .default('off')
    .describe('spreads its pods over nodes or zones; required: never two in one'),
  disruptionBudget: z
    .union([z.literal('off'), z.strictObject({ minAvailable: count(0) }), z.strictObject({ maxUnavailable: count(0) })])
    .default('off')
    .describe('limits preemptions by others, as a PodDisruptionBudget'),
  imagePullMs: duration(60_000).describe('of the first of its pods on a node'),
  podStartMs: duration(2000).describe('from the image to the start of its process'),
};

const workload = z
  .strictObject({
    name: name.refine(text => text !== INFERENCE, 'expected another name than that of the replicas of the stack'),
    ...group,
    gpus: z
      .number()
      .min(0)
      .max(16)
      .default(1)
      .refine(gpus => gpus === 0 || (gpus < 1 ? gpus >= 0.01 : Number.isInteger(gpus)), {
        message: 'expected a part of a GPU from 0.01, or whole ones',
      })
      .describe('GPUs that each pod occupies'),
    replicas: count(1).default(1),
    minAvailable: count(1).default(1).describe('gang: so many of its pods get their places at once, or none does'),
    graceMs: duration(5000).describe('that an evicted pod takes to end'),
    atMs: atMs
      .optional()
      .describe(
        'when it comes, from the start of the load phase, in the time of the run; by default it is there at first',
      ),
    forMs: z.number().min(1).max(86_400_000).optional().describe('how long it stays, in the time of the run'),
  })
  .refine(({ minAvailable, replicas }) => minAvailable <= replicas, {
    path: ['minAvailable'],
    message: 'expected at most `replicas`',
  });

/**
 * The section `stack.capacity`: nodes that replicas need a place on. Durations are those of production, which `stack.timeScale` divides;
 * `at`, `for` and `drain` are of the run, as those of faults are.
 */
export const capacityOptionsSchema = z.strictObject({
  pools: z.array(pool).min(1).max(50).describe('nodes, of the preferred kind first'),
  inference: z
    .strictObject({
      ...group,
      priority: group.priority.default(90),
      gpus: z.number().min(0.01).max(1).default(1).describe('part of a GPU that a replica has'),
    })
    .prefault({}),
  workloads: z.array(workload).max(50).default([]).describe('others that occupy nodes, without serving anything'),
});

/** Validated options. */
export type CapacityOptions = z.output<typeof capacityOptionsSchema>;
