import { faultPackages } from '../faults/catalog.ts';
import { SquallError } from '../harness/errors.ts';
import type { PlatformKind } from '../harness/plan.ts';
import type { VirtualOptions } from '../platform/virtual/cpu-costs.ts';
import { VIRTUAL_TIME } from '../reports/render/cells.ts';
import type { Split } from './load/split.ts';
import type { ResolvedScenario } from './scenario.ts';

/** What virtual time has none of, by part of the stack: programs that are not ours. */
const PROGRAMS = { edge: 'nginx', prometheus: 'Prometheus' } as const;
const REAL_TIME: readonly PlatformKind[] = ['process', 'docker'];

/** What virtual time cannot simulate, and where it can be had. */
interface Obstacle {
  /** Field of the scenario, or option, with its value. */
  readonly what: string;
  readonly why: string;
  readonly platforms: readonly PlatformKind[];
}

/** The options of a run that virtual time does not have. */
export interface RealOptions extends Split {
  /** Start of the load phase by the wall clock. @default as soon as possible */
  readonly startAt?: Date | undefined;
}

/**
 * Checks that a scenario and its options have only what virtual time can simulate, before anything starts.
 * @throws SquallError `NOT_VIRTUAL` that names everything it cannot, and the platforms that can
 */
export function requireVirtual(scenario: ResolvedScenario, options: RealOptions): void {
  const obstacles = [...ofScenario(scenario), ...ofOptions(options), ...ofFaults(scenario)];
  if (obstacles.length === 0) return;
  const possible = REAL_TIME.filter(platform => obstacles.every(({ platforms }) => platforms.includes(platform)));
  const where =
    possible.map(platform => `\`--platform ${platform}\``).join(' or ') || 'several platforms, part by part';
  const list = obstacles.map(({ what, why }) => `${what} (${why})`).join('; ');
  throw new SquallError('scenario', 'NOT_VIRTUAL', `Expected only what virtual time can simulate, got ${list}`, {
    next: `Run it with ${where}, or leave that out.`,
  });
}

function ofScenario({ stack, slos, load: { engine } }: ResolvedScenario): Obstacle[] {
  const settings = stack as Readonly<Record<string, unknown>>;
  const programs = Object.entries(PROGRAMS).filter(([part]) => settings[part] !== 'auto' && settings[part] !== 'off');
  const growing = slos.flatMap(({ objective }, index) =>
    objective.check.kind === 'growth' ? [{ objective, index }] : [],
  );
  const readsPrometheus = stack.autoscaler !== 'off' && stack.autoscaler.metricsFrom === 'prometheus';
  return [
    ...programs.map(([part, program]) => ({
      what: `\`stack.${part}\``,
      why: `it cannot run ${program}`,
      platforms: REAL_TIME,
    })),
    ...(readsPrometheus
      ? [
          {
            what: '`stack.autoscaler.metricsFrom` prometheus',
            why: 'it cannot run Prometheus',
            platforms: REAL_TIME,
          },
        ]
      : []),
    ...(engine === 'auto' || engine === 'stream'
      ? []
      : [{ what: `\`load.engine\` ${engine}`, why: 'only `stream` runs in it', platforms: REAL_TIME }]),
    ...growing.map(({ objective, index }) => ({
      what: `\`slos[${index}].objective\` ${objective.text}`,
      why: 'it has no processes with a memory',
      platforms: REAL_TIME,
    })),
  ];
}

function ofOptions({ workers = 1, segment, startAt }: RealOptions): Obstacle[] {
  const given = [
    workers > 1 && { what: `--workers ${workers}`, why: 'it has one process' },
    segment && { what: `--segment ${segment.index}/${segment.of}`, why: 'it has one process' },
    startAt && { what: '--start-at', why: 'its clock is not that of the wall' },
  ];
  return given.flatMap(found => (found ? [{ ...found, platforms: REAL_TIME }] : []));
}

function ofFaults({ faults }: ResolvedScenario): Obstacle[] {
  return faults.flatMap(({ kind }, index) => {
    const { platforms } = faultPackages.find(found => found.kind === kind)!;
    if (!platforms || platforms.includes('virtual')) return [];
    const real = REAL_TIME.filter(platform => platforms.includes(platform));
    return [{ what: `\`faults[${index}].kind\` ${kind}`, why: `it needs ${real.join(' or ')}`, platforms: real }];
  });
}

/** Said with every run in virtual time, on top: what is modelled, and what is not. */
export function virtualTime({ cpu }: VirtualOptions): string {
  const costs = typeof cpu === 'number' ? `${cpu} × what was measured` : 'as `stack.virtual.cpu` says';
  const [modelled, processors] =
    cpu === 0
      ? ['', 'any processor (`stack.virtual.cpu` is 0)']
      : [`, and a processor of each gateway, replica and control service (${costs})`, 'other processors'];
  return `${VIRTUAL_TIME}services, network and clients ran in one process under a simulated clock. Modelled: delays of the network, timers, queues, the engines${modelled}. Not modelled: ${processors}, garbage collection, TLS, disks and memory; so compare its milliseconds with those of other virtual runs only.`;
}
